"""The two lists that call themselves h1spec: dropseed's (with --strict) and uNetworking's, by their names."""

from corpus.parts import HELLO, LAST, POST, TE, Suite, chunked, counted, post, request, saw

DROPSEED = Suite("h1spec (dropseed), --strict")
UNET = Suite("h1spec (uNetworking)")
CLOSE = b"Connection: close"

FRAGMENTS = {
    "Fragmented method": b"G",
    "Fragmented URL 1": b"GET ",
    "Fragmented URL 2": b"GET /v1/svc/hello",
    "Fragmented URL 3": b"GET /v1/svc/hello ",
    "Fragmented HTTP version": b"GET /v1/svc/hello HTTP",
    "Fragmented request line": b"GET /v1/svc/hello HTTP/1.1",
    "Fragmented request line newline 1": b"GET /v1/svc/hello HTTP/1.1\r",
    "Fragmented request line newline 2": b"GET /v1/svc/hello HTTP/1.1\r\n",
    "Fragmented field name": b"GET /v1/svc/hello HTTP/1.1\r\nHos",
    "Fragmented field value 1": b"GET /v1/svc/hello HTTP/1.1\r\nHost:",
    "Fragmented field value 2": b"GET /v1/svc/hello HTTP/1.1\r\nHost: ",
    "Fragmented field value 3": b"GET /v1/svc/hello HTTP/1.1\r\nHost: localhost",
    "Fragmented field value 4": b"GET /v1/svc/hello HTTP/1.1\r\nHost: localhost\r",
    "Fragmented request": b"GET /v1/svc/hello HTTP/1.1\r\nHost: localhost\r\n",
    "Fragmented request termination": b"GET /v1/svc/hello HTTP/1.1\r\nHost: localhost\r\n\r",
}

ROWS = [
    DROPSEED.clean("Simple GET accepted", request()),
    DROPSEED.clean("POST with Content-Length body", counted(b"hello")),
    DROPSEED.answered("OPTIONS * request-target accepted", request(line=b"OPTIONS * HTTP/1.1"), 200, 204),
    DROPSEED.clean("Absolute-form request-target accepted", request(line=b"GET http://gw/v1/svc/x HTTP/1.1")),
    DROPSEED.refused(
        "CONNECT authority-form is not malformed", request(line=b"CONNECT example.com:443 HTTP/1.1"), 405, 501
    ),
    DROPSEED.refused("Invalid HTTP version rejected", request(line=b"GET /v1/svc/x HTTP/2.0"), 400, 505),
    DROPSEED.refused("Malformed request line rejected", request(line=b"GET /v1/svc/x")),
    DROPSEED.refused("Missing Host header rejected", request(host=None)),
    DROPSEED.refused("Duplicate Host rejected", request(b"Host: example.com")),
    DROPSEED.refused("Invalid Host value rejected", request(host=b"Host: bad host")),
    DROPSEED.refused("Invalid header name rejected", request(b"Bad Header: value")),
    DROPSEED.refused("Obsolete line folding rejected", request(b"  continued")),
    DROPSEED.refused("Space before colon rejected", request(host=b"Host : gw")),
    DROPSEED.refused("Null byte in header rejected", request(host=b"Host: local\0host")),
    DROPSEED.clean("Chunked encoding accepted", chunked(HELLO)),
    DROPSEED.refused("Chunked + HTTP/1.0 rejected", chunked(HELLO).replace(b"HTTP/1.1", b"HTTP/1.0")),
    DROPSEED.refused("Chunked + Content-Length rejected", post(TE, b"Content-Length: 5", body=HELLO)),
    DROPSEED.refused(
        "Chunked + Content-Length closes connection", (post(TE, b"Content-Length: 5", body=HELLO), request(CLOSE))
    ),
    DROPSEED.refused("Unknown transfer-coding rejected", post(b"Transfer-Encoding: nonsense", body=b"hello"), 400, 501),
    DROPSEED.refused(
        "Chunked not-final coding rejected", post(b"Transfer-Encoding: chunked, gzip", body=HELLO) + request(CLOSE)
    ),
    DROPSEED.refused("Invalid Content-Length rejected", post(b"Content-Length: xyz", body=b"hello")),
    DROPSEED.refused(
        "Conflicting Content-Length rejected", post(b"Content-Length: 5", b"Content-Length: 7", body=b"hello!!")
    ),
    DROPSEED.refused("Invalid chunk-size rejected", chunked(b"Z\r\nhello\r\n" + LAST) + request(CLOSE)),
    DROPSEED.refused("Missing chunk terminator rejected", chunked(b"5\r\nhello" + LAST) + request(CLOSE)),
    DROPSEED.clean("Expect: 100-continue handling", (post(b"Content-Length: 5", b"Expect: 100-continue"), b"hello")),
    DROPSEED.clean("HEAD response has no body", request(line=b"HEAD /v1/svc/x HTTP/1.1"), body=b""),
    DROPSEED.refused("Error response is self-delimiting", request(line=b"get /v1/svc/x HTTP/1.1"), 405, 501),
    DROPSEED.clean("Keep-alive default (HTTP/1.1)", (request(), request()), times=2),
    DROPSEED.clean("Connection: close honored", request(CLOSE), closes=True),
    DROPSEED.clean("HTTP/1.0 closes by default", request(line=b"GET /v1/svc/x HTTP/1.0"), closes=True),
    DROPSEED.clean("Oversized request line", request(line=b"GET /v1/svc/" + b"a" * 9000 + b" HTTP/1.1")),
    DROPSEED.clean("Header flood", request(*(b"X-H-%d: value" % place for place in range(101)))),
    DROPSEED.clean("Oversized header", request(b"X-Big: " + b"x" * 9000)),
    *(UNET.waits(name, sends) for name, sends in FRAGMENTS.items()),
    UNET.refused("Request without HTTP version", b"GET /v1/svc/x \r\n\r\n", 400, 505),
    UNET.clean("Request with Expect header", request(b"Expect: 100-continue")),
    UNET.clean("Valid GET request", request(host=b"Host: example.com")),
    UNET.clean("Valid GET request with edge cases", request(b"empty:", host=b"hoSt:\texample.com"), saw=saw(b"empty:")),
    UNET.refused("Invalid header characters", request(b"X-Invalid[]: test")),
    UNET.refused("Missing Host header", request(b"Content-Length: 5", host=None)),
    UNET.refused("Multiple Host headers", request(b"Host: example.org")),
    UNET.refused(
        "Overflowing negative Content-Length header", request(b"Content-Length: -123456789123456789123456789")
    ),
    UNET.refused("Negative Content-Length header", request(b"Content-Length: -1234")),
    UNET.refused("Non-numeric Content-Length header", request(b"Content-Length: abc")),
    UNET.clean("Empty header value", request(b"X-Empty-Header: "), saw=saw(b"X-Empty-Header: ")),
    UNET.refused("Header containing invalid control character", request(b"X-Bad-Control-Char: test\x07")),
    UNET.refused("Invalid HTTP version", request(line=b"GET /v1/svc/x HTTP/9.9"), 400, 505),
    UNET.refused("Invalid prefix of request", request(line=b"Extra lineGET /v1/svc/x HTTP/1.1")),
    UNET.refused("Invalid line ending", b"GET /v1/svc/x HTTP/1.1\r\nHost: gw\r\n\rSome-Header: Test\r\n\r\n"),
    UNET.clean("Valid POST request with body", request(b"Content-Length: 5", line=POST, body=b"hello")),
    UNET.clean("Chunked Transfer-Encoding", chunked(b"c\r\nHellO world1\r\n0\r\n\r\n")),
    UNET.refused(
        "Conflicting Transfer-Encoding and Content-Length in varying case",
        request(b"content-LengtH: 5", b"TransFer-Encoding: chunked", line=POST, body=b"c\r\nHellO world1\r\n0\r\n\r\n"),
    ),
]
