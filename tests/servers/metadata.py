#!/usr/bin/python3
"""A metadata service on loopback, as containers (ECS, EKS) and EC2 instances (version 2 only) have it. Each time that it
is asked it gives a new session of the test Ceph's owner.

    AWS_ACCESS_KEY_ID=… AWS_SECRET_ACCESS_KEY=… tests/servers/metadata.py --ready FILE --log FILE [--keys FILE] --seconds N
        --owner PID ENDPOINT

The first file has the service's address when it listens. The log has a line "container TOKEN", "instance TOKEN" or "file
TOKEN" for each session. A container asks GET /container with the header "Authorization: let-me-in". With --keys it
writes a session into that file, as AWS's shared file has it, anew each half of N seconds, until FILE.stop is there.
"""

import argparse
import http.server
import json
import os
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.realpath(__file__)))
import owner
import s3

ROLE = "/latest/meta-data/iam/security-credentials/"


def new_session(options, kind):
    found = s3.session(options.endpoint, options.seconds)
    with open(options.log, "a", encoding="ascii") as log:
        log.write(f"{kind} {found[2]}\n")
    return found


def write_keys(options):
    while not os.path.exists(options.keys + ".stop"):
        key, secret, token, _ = new_session(options, "file")
        with open(os.open(options.keys + ".new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="ascii") as file:
            file.write(f"aws_access_key_id = {key}\naws_secret_access_key = {secret}\naws_session_token = {token}\n")
        os.rename(options.keys + ".new", options.keys)
        time.sleep(options.seconds / 2)


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *_):
        pass

    def say(self, status, text=""):
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def give(self, kind):
        key, secret, token, end = new_session(self.server.options, kind)
        self.say(200, json.dumps({"Code": "Success", "AccessKeyId": key, "SecretAccessKey": secret, "Token": token,
                                  "Expiration": end}))

    def do_PUT(self):
        good = self.path == "/latest/api/token" and "X-aws-ec2-metadata-token-ttl-seconds" in self.headers
        self.say(*((200, "metadata-token") if good else (400,)))

    def do_GET(self):
        if self.path == "/container":
            return self.give("container") if self.headers.get("Authorization") == "let-me-in" else self.say(401)
        if self.headers.get("X-aws-ec2-metadata-token") != "metadata-token":
            return self.say(401)
        if self.path == ROLE:
            return self.say(200, "nightly")
        return self.give("instance") if self.path == ROLE + "nightly" else self.say(404)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ready", required=True)
    parser.add_argument("--log", required=True)
    parser.add_argument("--keys")
    parser.add_argument("--seconds", type=int, required=True)
    parser.add_argument("--owner", type=int, required=True)
    parser.add_argument("endpoint")
    options = parser.parse_args()
    threading.Thread(target=owner.end_with, args=(options.owner,), daemon=True).start()
    if options.keys:
        threading.Thread(target=write_keys, args=(options,), daemon=True).start()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.options = options
    with open(options.ready + ".new", "w", encoding="ascii") as file:
        file.write(f"http://127.0.0.1:{server.server_port}\n")
    os.rename(options.ready + ".new", options.ready)
    server.serve_forever()


if __name__ == "__main__":
    main()
