"""The shipped strategies in virtual time: servers, requests and gateways that are numbers, and clocks that jump."""
