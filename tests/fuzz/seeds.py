"""The valid messages that mutants come from; `/v1/svc` stands for a service, and a request is hidden where it hurts."""

SMUGGLED = b"GET /v1/svc/smuggled HTTP/1.1\r\nHost: gw\r\n\r\n"

REQUESTS = (
    b"GET /v1/svc/x?a=b HTTP/1.1\r\nHost: gw\r\nAccept: */*\r\nUser-Agent: openai/1.0\r\n\r\n",
    b"POST /v1/svc/x HTTP/1.1\r\nHost: gw\r\nContent-Length: %d\r\n\r\n" % len(SMUGGLED) + SMUGGLED,
    b"POST /v1/svc/x HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
    b"POST /v1/svc/x HTTP/1.1\r\nHost: gw\r\nTransfer-Encoding: chunked\r\nTrailer: t\r\n\r\n"
    + b'%x;a="b"\r\n%b\r\n0\r\nt: 1\r\n\r\n' % (len(SMUGGLED), SMUGGLED),
    b"GET /v1/svc/x HTTP/1.0\r\nConnection: keep-alive\r\nX-Forwarded-For: 192.0.2.1\r\n\r\n",
    b"HEAD /v1/svc/x HTTP/1.1\r\nHost: gw\r\nConnection: X-Foo\r\nX-Foo: 1\r\n\r\n"
    + SMUGGLED.replace(b"smuggled", b"y"),
    b"PUT http://gw/v1/svc/x HTTP/1.1\r\nHost: gw\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\nhello",
    b"OPTIONS /v1/svc/x HTTP/1.1\r\nHost: gw\r\nMax-Forwards: 3\r\nVia: 1.0 fred\r\nTE: trailers\r\n\r\n" * 2,
)

REPLIES = (
    b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n6;a=b\r\n world\r\n0\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: t\r\n\r\n1\r\nx\r\n0\r\nt: 1\r\n\r\n",
    b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
    b"HTTP/1.1 204 No Content\r\nX-A: 1\r\n\r\n",
    b'HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\nETag: "x"\r\n\r\n',
    b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nuntil the end of the connection",
    b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 0\r\nSet-Cookie: a=b\r\nSet-Cookie: c=d\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"
    + b"8\r\ndata: 1\n\r\n8\r\ndata: 2\n\r\n0\r\n\r\n",
)

HEADS = tuple(one.partition(b"\r\n\r\n")[0] for one in REQUESTS)
BODIES = tuple(one.partition(b"\r\n\r\n")[2] for one in (*REQUESTS, *REPLIES))
# What each harness begins with.
STARTS: dict[str, tuple[bytes, ...]] = {
    "heads": HEADS,
    "targets": (
        b"/v1/llm/x?a=b",
        b"/v1/llm/%2e%2e/x",
        b"http://gw/v1/llm",
        b"*",
        b"/v1/llm/..;/a%5c",
        b"/v1/llm/a%2f..%2fb",
    ),
    "forwarded": (
        b"192.0.2.1, 10.0.0.1",
        b"[2001:db8::1], fd00::1",
        b"::ffff:192.0.2.1",
        b"unknown,",
        b"10.0.0.1%eth0",
    ),
    "framing": tuple(bytes([kind, 3]) + body for kind in range(4) for body in BODIES if body),
    "replies": tuple(one.partition(b"\r\n\r\n")[0] for one in REPLIES),
}
