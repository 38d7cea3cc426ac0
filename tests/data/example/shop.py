"""The application: takes orders over HTTP, keeps them in a table, and tells others by a queue."""

import json
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import boto3


def place(order: dict[str, Any]) -> str:
    """Keep an order; its id."""
    boto3.client("dynamodb").put_item(
        TableName="orders", Item={"id": {"S": order["id"]}, "product": {"S": order["product"]}}
    )
    queues = boto3.client("sqs")
    queue = queues.get_queue_url(QueueName="orders")["QueueUrl"]
    queues.send_message(QueueUrl=queue, MessageBody=json.dumps(order))
    return str(order["id"])


class Handler(BaseHTTPRequestHandler):
    """`POST /orders` with an order as JSON."""

    def do_POST(self) -> None:
        """Place the order."""
        order = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        answer = json.dumps({"id": place(order)}).encode()
        self.send_response(201)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)  # whoever starts it reads the port
    server.serve_forever()
