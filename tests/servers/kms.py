#!/usr/bin/python3
"""A small AWS KMS for tests: JSON 1.1, Signature V4 checked by its own code, and a clock that a test can move.

    tests/servers/kms.py --ready FILE --state FILE --log FILE [--region R] [--access KEY] [--secret KEY] [--owner PID]

The address is written to FILE when it listens. Keys lie in the state file, so that a server that was ended comes back
with them. The log has a line "ACTION STATUS CODE" for each call. Without a signature, for the test alone:

    POST /control/clock {"days": N}               the service's clock goes N days ahead; what was to be deleted by then is
    POST /control/fail {"action": A, "status": S, "code": C, "times": N}    the next N calls of A fail so
    POST /control/garble {"action": A, "text": T} the next call of A is answered by this text, status 200
    POST /control/lose {"action": A}              the next call of A is carried out, and its answer is lost on the way
"""

import argparse
import base64
import datetime
import hashlib
import hmac
import http.server
import json
import os
import secrets
import threading
import time
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

ACCOUNT = "111122223333"


class Refused(Exception):
    def __init__(self, code, message, status=400):
        super().__init__(message)
        self.code, self.status = code, status


def digest(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def check_signature(options, handler, body):
    """AWS General Reference, "Signature Version 4 signing process", done anew from what came over the line."""
    text = handler.headers.get("Authorization", "")
    if not text.startswith("AWS4-HMAC-SHA256 "):
        raise Refused("MissingAuthenticationTokenException", "no signature", 403)
    parts = dict(part.strip().split("=", 1) for part in text.split(" ", 1)[1].split(","))
    access, date, region, service, end = parts["Credential"].split("/")
    if access != options.access:
        raise Refused("UnrecognizedClientException", "The security token included in the request is invalid.")
    stamp = handler.headers.get("X-Amz-Date", "")
    then = datetime.datetime.strptime(stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=datetime.timezone.utc)
    if abs(then.timestamp() - time.time()) > 300 or stamp[:8] != date:
        raise Refused("InvalidSignatureException", "Signature expired")
    names = parts["SignedHeaders"].split(";")
    for needed in ("host", "x-amz-date", "x-amz-target", "content-type"):
        if needed not in names:
            raise Refused("IncompleteSignatureException", f"{needed} is not signed")
    headers = "".join(f"{name}:{' '.join(handler.headers.get(name, '').split())}\n" for name in names)
    request = "\n".join(["POST", "/", "", headers, ";".join(names), hashlib.sha256(body).hexdigest()])
    scope = f"{date}/{region}/{service}/{end}"
    hashed = hashlib.sha256(request.encode()).hexdigest()
    to_sign = f"AWS4-HMAC-SHA256\n{stamp}\n{scope}\n{hashed}"
    key = ("AWS4" + options.secret).encode()
    for word in (date, region, service, end):
        key = digest(key, word)
    right = digest(key, to_sign).hex()
    if (region, service, end) != (options.region, "kms", "aws4_request") or not hmac.compare_digest(
        right, parts["Signature"]
    ):
        raise Refused("InvalidSignatureException", "The request signature we calculated does not match")


class Service:
    def __init__(self, options):
        self.options, self.lock, self.faults, self.garbled, self.lost = options, threading.Lock(), [], [], []
        self.data = {"offset": 0, "keys": {}, "aliases": {}}
        if os.path.exists(options.state):
            with open(options.state) as file:
                self.data = json.load(file)

    def save(self):
        with open(self.options.state + ".new", "w") as file:
            json.dump(self.data, file)
        os.replace(self.options.state + ".new", self.options.state)

    def now(self):
        return time.time() + self.data["offset"]

    def sweep(self):
        for name in [n for n, key in self.data["keys"].items() if (key["deletion"] or 9e12) <= self.now()]:
            del self.data["keys"][name]

    def arn(self, name):
        return f"arn:aws:kms:{self.options.region}:{ACCOUNT}:key/{name}"

    def find(self, text):
        name = self.data["aliases"].get(text, text).rsplit("/", 1)[-1]
        if name not in self.data["keys"] or (text.startswith("arn:") and text != self.arn(name)):
            raise Refused("NotFoundException", f"Key '{text}' does not exist")
        return name, self.data["keys"][name]

    def usable(self, text):
        name, key = self.find(text)
        if key["state"] == "PendingDeletion":
            raise Refused("KMSInvalidStateException", f"{self.arn(name)} is pending deletion.")
        if key["state"] != "Enabled":
            raise Refused("DisabledException", f"{self.arn(name)} is disabled.")
        return name, key

    def metadata(self, name):
        key = self.data["keys"][name]
        extra = {"DeletionDate": key["deletion"]} if key["deletion"] else {}
        return {"KeyMetadata": {
            "AWSAccountId": ACCOUNT, "KeyId": name, "Arn": self.arn(name), "Enabled": key["state"] == "Enabled",
            "KeyState": key["state"], "KeySpec": key["spec"], "KeyUsage": key["usage"], "Origin": key["origin"],
            "MultiRegion": key["multi"], "CreationDate": key["created"], "Description": key["description"], **extra,
        }}

    # ---- Actions ----

    def CreateKey(self, request):
        name = str(uuid.uuid4())
        self.data["keys"][name] = {
            "state": "Enabled", "deletion": None, "material": secrets.token_hex(32), "created": self.now(),
            "description": request.get("Description", ""), "spec": request.get("KeySpec", "SYMMETRIC_DEFAULT"),
            "usage": request.get("KeyUsage", "ENCRYPT_DECRYPT"), "origin": request.get("Origin", "AWS_KMS"),
            "multi": request.get("MultiRegion", False), "tags": request.get("Tags", []),
        }
        return self.metadata(name)

    def CreateAlias(self, request):
        self.data["aliases"][request["AliasName"]] = self.find(request["TargetKeyId"])[0]
        return {}

    def ListKeys(self, request):
        # Two at a time, so that whoever lists must follow the marker.
        names = sorted(self.data["keys"])
        rest = [name for name in names if name > request.get("Marker", "")]
        page = rest[:min(2, request.get("Limit", 100))]
        more = {"NextMarker": page[-1]} if len(rest) > len(page) else {}
        return {"Keys": [{"KeyId": name, "KeyArn": self.arn(name)} for name in page], "Truncated": bool(more), **more}

    def ListResourceTags(self, request):
        return {"Tags": self.find(request["KeyId"])[1]["tags"], "Truncated": False}

    def DescribeKey(self, request):
        return self.metadata(self.find(request["KeyId"])[0])

    def Encrypt(self, request):
        name, key = self.usable(request["KeyId"])
        nonce = secrets.token_bytes(12)
        context = json.dumps(request.get("EncryptionContext", {}), sort_keys=True).encode()
        plain = base64.b64decode(request["Plaintext"], validate=True)
        sealed = AESGCM(bytes.fromhex(key["material"])).encrypt(nonce, plain, context)
        blob = uuid.UUID(name).bytes + nonce + sealed
        return {"CiphertextBlob": base64.b64encode(blob).decode(), "KeyId": self.arn(name),
                "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}

    def Decrypt(self, request):
        try:
            blob = base64.b64decode(request["CiphertextBlob"], validate=True)
            name = str(uuid.UUID(bytes=blob[:16]))
        except ValueError as error:
            raise Refused("InvalidCiphertextException", "") from error
        if "KeyId" in request and self.find(request["KeyId"])[0] != name:
            raise Refused("IncorrectKeyException", "The key ID in the request does not identify a CMK that can do this")
        name, key = self.usable(name)
        context = json.dumps(request.get("EncryptionContext", {}), sort_keys=True).encode()
        try:
            plain = AESGCM(bytes.fromhex(key["material"])).decrypt(blob[16:28], blob[28:], context)
        except (InvalidTag, ValueError) as error:
            raise Refused("InvalidCiphertextException", "") from error
        return {"Plaintext": base64.b64encode(plain).decode(), "KeyId": self.arn(name),
                "EncryptionAlgorithm": "SYMMETRIC_DEFAULT"}

    def ScheduleKeyDeletion(self, request):
        name, key = self.find(request["KeyId"])
        days = request.get("PendingWindowInDays", 30)
        if not 7 <= days <= 30:
            raise Refused("ValidationException", "PendingWindowInDays is 7 to 30")
        if key["state"] == "PendingDeletion":
            raise Refused("KMSInvalidStateException", f"{self.arn(name)} is pending deletion.")
        key["state"], key["deletion"] = "PendingDeletion", self.now() + days * 86400
        return {"KeyId": self.arn(name), "DeletionDate": key["deletion"], "KeyState": key["state"],
                "PendingWindowInDays": days}

    def CancelKeyDeletion(self, request):
        name, key = self.find(request["KeyId"])
        if key["state"] != "PendingDeletion":
            raise Refused("KMSInvalidStateException", f"{self.arn(name)} is not pending deletion.")
        key["state"], key["deletion"] = "Disabled", None
        return {"KeyId": self.arn(name)}

    def EnableKey(self, request):
        self.find(request["KeyId"])[1]["state"] = "Enabled"
        return {}

    def DisableKey(self, request):
        self.find(request["KeyId"])[1]["state"] = "Disabled"
        return {}

    # ---- Calls ----

    def control(self, path, request):
        if path == "/control/clock":
            self.data["offset"] += request["days"] * 86400
        elif path == "/control/fail":
            self.faults += [(request["action"], request["status"], request["code"])] * request.get("times", 1)
        elif path == "/control/lose":
            self.lost.append(request["action"])
        elif path == "/control/garble":
            self.garbled.append((request["action"], request["text"]))
        else:
            raise Refused("ValidationException", path, 404)
        return {}

    def answer(self, handler, body):
        if handler.path.startswith("/control/"):
            return self.control(handler.path, json.loads(body))
        check_signature(self.options, handler, body)
        prefix, _, action = handler.headers.get("X-Amz-Target", "").partition(".")
        if prefix != "TrentService" or handler.headers.get("Content-Type") != "application/x-amz-json-1.1":
            raise Refused("UnknownOperationException", "no such operation", 404)
        handler.action = action
        for fault in self.faults:
            if fault[0] == action:
                self.faults.remove(fault)
                raise Refused(fault[2], "as the test wants it", fault[1])
        for garbled in self.garbled:
            if garbled[0] == action:
                self.garbled.remove(garbled)
                return garbled[1]
        if action not in ("CreateKey", "CreateAlias", "DescribeKey", "Encrypt", "Decrypt", "ScheduleKeyDeletion",
                          "CancelKeyDeletion", "EnableKey", "DisableKey", "ListKeys", "ListResourceTags"):
            raise Refused("UnknownOperationException", action)
        result = getattr(self, action)(json.loads(body))
        if action in self.lost:
            self.lost.remove(action)
            return None
        return result

    def handle(self, handler):
        body = handler.rfile.read(int(handler.headers.get("Content-Length", 0)))
        handler.action, status, code = "-", 200, "-"
        with self.lock:
            self.sweep()
            try:
                answer = self.answer(handler, body)
                self.sweep()
                self.save()
            except Refused as refused:
                status, code = refused.status, refused.code
                answer = {"__type": "com.amazonaws.kms#" + code, "message": str(refused)}
            with open(self.options.log, "a") as log:
                log.write(f"{handler.action} {status} {code}\n")
        if answer is None:
            handler.close_connection = True
            return
        text = answer if isinstance(answer, str) else json.dumps(answer)
        handler.send_response(status)
        handler.send_header("Content-Type", "application/x-amz-json-1.1")
        handler.send_header("Content-Length", str(len(text.encode())))
        handler.end_headers()
        handler.wfile.write(text.encode())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("--ready", "--state", "--log"):
        parser.add_argument(name, required=True)
    parser.add_argument("--region", default="ap-northeast-1")
    parser.add_argument("--access", default="AKIDTEST")
    parser.add_argument("--secret", default="SecretOfTests")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--owner", type=int, help="end when this process does")
    options = parser.parse_args()
    service = Service(options)

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self):
            service.handle(self)

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", options.port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open(options.ready + ".new", "w") as file:
        file.write(f"http://127.0.0.1:{server.server_port}\n")
    os.replace(options.ready + ".new", options.ready)
    while options.owner is None or os.path.exists(f"/proc/{options.owner}"):
        time.sleep(0.2)


if __name__ == "__main__":
    main()
