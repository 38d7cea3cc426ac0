"""Answers reviews by the path they come on; `late` not the first two, though its pod is Ready."""

import http.server
import json
import ssl
import time

ignored = iter(range(2))


class Handler(http.server.BaseHTTPRequestHandler):
    """One review."""

    def do_POST(self) -> None:
        review = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        asked = self.path.partition("?")[0]
        if asked == "/silent" or (asked == "/late" and next(ignored, None) is not None):
            time.sleep(600)
        answer = {"uid": review["request"]["uid"]}
        if asked == "/convert":
            answer["result"] = {"status": "Failed", "message": "no way from v2 to v1"}
        else:
            answer |= {"allowed": asked != "/refuse", "status": {"message": "not on a Sunday"}}
        body = json.dumps({**review, "response": answer}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = http.server.ThreadingHTTPServer(("", 8443), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain("/guard/tls.crt", "/guard/tls.key")
server.socket = context.wrap_socket(server.socket, server_side=True)
server.serve_forever()
