#!/usr/bin/python3
"""What hikae tells people, taken in on loopback over TLS: mail, webhooks and pings, one JSON line each in LOG.

    tell_server.py CERT KEY SECRET LOG READY

READY gets the ports: smtps, smtp (STARTTLS), smtp that has no TLS at all, https. A webhook is checked against SECRET
here, by other code than hikae's: its signature must fit and its time be of the last minute.
"""
import base64
import email
import email.policy
import hashlib
import hmac
import http.server
import json
import os
import socketserver
import ssl
import sys
import threading
import time

CERT, KEY, SECRET, LOG, READY = sys.argv[1:6]
CONTEXT = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
CONTEXT.load_cert_chain(CERT, KEY)
LOCK = threading.Lock()


def note(**what):
    with LOCK, open(LOG, "a", encoding="utf-8") as log:
        log.write(json.dumps(what, ensure_ascii=False) + "\n")


class Smtp(socketserver.StreamRequestHandler):
    mode = "smtps"

    def setup(self):
        if self.mode == "smtps":
            self.request = CONTEXT.wrap_socket(self.request, server_side=True)
        super().setup()

    def say(self, text):
        self.wfile.write(text.encode() + b"\r\n")
        self.wfile.flush()

    def handle(self):
        secure, sender, to, user = self.mode == "smtps", None, [], None
        self.say("220 test")
        while line := self.rfile.readline().decode().strip():
            verb = line.split()[0].upper()
            if verb == "EHLO":
                self.say("250-test")
                if self.mode == "starttls" and not secure:
                    self.say("250-STARTTLS")
                self.say("250 AUTH PLAIN")
            elif verb == "STARTTLS" and self.mode == "starttls":
                self.say("220 go on")
                self.request = CONTEXT.wrap_socket(self.request, server_side=True)
                self.rfile, self.wfile, secure = self.request.makefile("rb"), self.request.makefile("wb"), True
            elif verb == "AUTH":
                given = line.split()[2] if len(line.split()) > 2 else ""
                if not given:
                    self.say("334 ")
                    given = self.rfile.readline().decode().strip()
                user, password = base64.b64decode(given).decode().split("\0")[1:]
                if not secure or password != "pass word":
                    self.say("535 no")
                else:
                    self.say("235 welcome")
            elif verb == "MAIL":
                sender = line
                self.say("250 ok")
            elif verb == "RCPT":
                to.append(line)
                self.say("250 ok")
            elif verb == "DATA":
                self.say("354 go on")
                data = b""
                while (part := self.rfile.readline()) != b".\r\n":
                    data += part[1:] if part.startswith(b"..") else part
                mail = email.message_from_bytes(data, policy=email.policy.default)
                note(by="mail", secure=secure, user=user, to=to, sender=sender, subject=str(mail["Subject"]),
                     text=mail.get_content(), longest=max(len(x) for x in data.split(b"\r\n")))
                self.say("250 ok")
            elif verb == "QUIT":
                self.say("221 bye")
                return
            else:
                self.say("502 no")


class StartTls(Smtp):
    mode = "starttls"


class Plain(Smtp):
    mode = "plain"


class Web(http.server.BaseHTTPRequestHandler):
    def answer(self, status):
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_GET(self):
        note(by="ping", path=self.path)
        self.answer(200)

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        stamp = self.headers["X-Hikae-Timestamp"]
        with open(SECRET, "rb") as file:
            mac = hmac.new(file.read().rstrip(b"\n"), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
        good = hmac.compare_digest("sha256=" + mac, self.headers["X-Hikae-Signature"])
        good = good and abs(time.time() - int(stamp)) < 60
        if good:
            note(by="webhook", **json.loads(body))
        self.answer(204 if good else 401)

    def log_message(self, *args):
        pass


class Threads(socketserver.ThreadingTCPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that finds no TLS, or another certificate, leaves


servers = [Threads(("127.0.0.1", 0), handler) for handler in (Smtp, StartTls, Plain, Web)]
servers[3].socket = CONTEXT.wrap_socket(servers[3].socket, server_side=True)
for server in servers:
    threading.Thread(target=server.serve_forever, daemon=True).start()
with open(READY + ".new", "w", encoding="ascii") as ready:
    ready.write(" ".join(str(server.server_address[1]) for server in servers))
os.rename(READY + ".new", READY)
threading.Event().wait(300)
