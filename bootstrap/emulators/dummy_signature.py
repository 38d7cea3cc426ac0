"""Requests that carry dummy credentials: nothing of the user's is ever read, and nothing secret exists."""

from bootstrap.emulators.http_exchange import Request

ACCESS_KEY = "test"


def signed(request: Request, *, aws_service: str, region: str = "us-east-1") -> Request:
    """The request with an Authorization header that names the service and region, which is how emulators route.

    The signature is none: an endpoint that checks it is not an emulator, and shall refuse us.
    """
    scope = f"{ACCESS_KEY}/20200101/{region}/{aws_service}/aws4_request"
    authorization = f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature={'0' * 64}"
    return Request(
        method=request.method,
        path=request.path,
        headers={**request.headers, "Authorization": authorization, "X-Amz-Date": "20200101T000000Z"},
        body=request.body,
    )
