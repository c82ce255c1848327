#!/usr/bin/python3
"""A proxy on loopback that stands before a test server and makes faults, so that tests can count on them.

    tests/servers/proxy.py [--ready FILE] [--owner PID] [--tls CERTIFICATE_AND_KEY] UPSTREAM

UPSTREAM is http://HOST:PORT. Requests are passed on as they are (the Host header is signed, so it stays). Ports are chosen
at start; FILE then holds the lines "=http://127.0.0.1:PORT", "_CONTROL=http://127.0.0.1:PORT" (see proxy in lib.sh). With
--owner, the proxy ends when that process does.

Control, for curl:
    -d RULES  $CONTROL/rules    a JSON list of rules, in place of the old ones; counts start anew
              $CONTROL/log      all requests so far, a JSON list
    -d ''     $CONTROL/clear    forgets them
              "$CONTROL/count?method=PUT&path=REGEX&status=200"   how many there were; every parameter may be left out;
                        header=NAME (lower case) and value=REGEX ask for a header of the request
    -d ''     $CONTROL/down     connections are refused from now on, those that exist are reset …
    -d ''     $CONTROL/up       … until now

A rule says which requests it takes; of several that match, the first one does:
    method, path     regular expressions: the whole method; anywhere in "/path?query"
    from, count      of those that match, number `from` (1 is the first) and so many from there (default: all)
    every            of those, each so-manieth
and what then happens:
    status           this HTTP status with an S3 error in XML; `code` and `message` are its text, `headers` go with it
    after            true: with `status`, `reset` or `stall`: the request is passed on first, so the server has done it
    reset            true: the connection is reset
    cut              the answer's body ends after so many bytes, and the connection with it
    cut_request      the connection is reset after so many bytes of the request's body
    stall            nothing happens for so many seconds; with `cut`, after that many bytes; then the connection ends
    hold             true: nothing happens until there are other rules; then the request goes on
    delay            the answer comes so many seconds later
    slow             bodies pass at so many bytes a second, both ways
    skew             the proxy's clock is so many seconds ahead: in Date, and requests whose x-amz-date is off by more than
                     `skew_limit` seconds (default 300) are refused with RequestTimeTooSkewed. Servers themselves take 900.
    flip             this byte of the answer's body is inverted (-1: the last one)
    truncate         the answer's body is so many bytes long, and its Content-Length says so
    replace          [[REGEX, TEXT], …] in the answer's body
    repeat           true: the first answer that this rule saw is given again and again
    set_headers      {NAME: TEXT or null}: headers of the answer, replaced or taken away
"""

import argparse
import calendar
import email.utils
import json
import os
import re
import socket
import ssl
import struct
import threading
import time
import urllib.parse

import owner

PIECE = 65536
EFFECTS = {
    "status", "code", "message", "headers", "after", "reset", "cut", "cut_request", "stall", "hold", "delay", "slow", "skew",
    "skew_limit", "flip", "truncate", "replace", "repeat", "set_headers",
}
CHOICE = {"method", "path", "from", "count", "every"}


class Gone(Exception):
    """The connection has ended, or is to end, without more ado."""


class Rule:
    def __init__(self, words):
        unknown = set(words) - EFFECTS - CHOICE
        if unknown or not set(words) & EFFECTS:
            raise ValueError(f"unknown words {sorted(unknown)}" if unknown else "a rule without effect")
        self.words = words
        self.method = re.compile(words.get("method", ".*"))
        self.path = re.compile(words.get("path", ""))
        self.first = words.get("from", 1)
        self.count = words.get("count")
        self.every = words.get("every", 1)
        self.seen = 0
        self.remembered = None
        self.replaced = threading.Event()

    def takes(self, method, path):
        """Called once for each request, in a lock."""
        if not self.method.fullmatch(method) or not self.path.search(path):
            return False
        self.seen += 1
        number = self.seen - self.first
        return 0 <= number and (self.count is None or number < self.count) and number % self.every == 0

    def get(self, name, default=None):
        return self.words.get(name, default)


class State:
    def __init__(self):
        self.lock = threading.Lock()
        self.rules = []
        self.log = []
        self.connections = 0
        self.open = set()
        self.running = 0
        self.listening = True

    def begin(self, connection, method, path, headers):
        with self.lock:
            self.running += 1
            entry = {"number": len(self.log) + 1, "connection": connection, "method": method, "path": path,
                     "time": time.time(), "status": None, "upstream": None, "rule": None, "parallel": self.running,
                     "sent": 0, "received": 0, "headers": headers}
            self.log.append(entry)
            for number, rule in enumerate(self.rules):
                if rule.takes(method, path):
                    entry["rule"] = number
                    return entry, rule
            return entry, NO_RULE

    def end(self):
        with self.lock:
            self.running -= 1


NO_RULE = Rule({"after": False})


def reset(connection):
    """Closing with a linger of zero sends RST."""
    try:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    except OSError:
        pass


class Message:
    """The head of a request or an answer, and how long its body is."""

    def __init__(self, file):
        self.start = file.readline(65537)
        if not self.start.endswith(b"\n"):
            raise Gone
        self.start = self.start.rstrip(b"\r\n")
        self.headers = []
        while (line := file.readline(65537).rstrip(b"\r\n")) != b"":
            name, colon, value = line.partition(b":")
            if not colon:
                raise Gone
            self.headers.append((name, value.strip()))

    def get(self, name):
        for key, value in self.headers:
            if key.lower() == name:
                return value
        return None

    def set(self, name, value):
        self.headers = [(key, old) for key, old in self.headers if key.lower() != name.lower()]
        if value is not None:
            self.headers.append((name, value))

    def head(self):
        return b"\r\n".join([self.start] + [name + b": " + value for name, value in self.headers]) + b"\r\n\r\n"

    def chunked(self):
        return (self.get(b"transfer-encoding") or b"").lower() == b"chunked"


def body_of(message, file, until_closed=False):
    """The pieces of a body, without the frames of chunks."""
    if message.chunked():
        while True:
            size = int(file.readline(1024).split(b";")[0], 16)
            if size == 0:
                while file.readline(65537).rstrip(b"\r\n"):
                    pass
                return
            yield from exactly(file, size)
            file.readline(1024)
    elif (length := message.get(b"content-length")) is not None:
        yield from exactly(file, int(length))
    elif until_closed:
        while piece := file.read1(PIECE):
            yield piece


def exactly(file, size):
    while size > 0:
        piece = file.read1(min(size, PIECE))
        if not piece:
            raise Gone
        size -= len(piece)
        yield piece


def paced(pieces, rate):
    if not rate:
        yield from pieces
        return
    start, done, step = time.monotonic(), 0, max(1, min(PIECE, rate // 10))
    for piece in pieces:
        for at in range(0, len(piece), step):
            part = piece[at : at + step]
            done += len(part)
            time.sleep(max(0.0, start + done / rate - time.monotonic()))
            yield part


def limited(pieces, size):
    """The first size bytes; whether there were more is not told."""
    for piece in pieces:
        yield piece[:size]
        size -= len(piece)
        if size <= 0:
            return


class Conversation:
    """One client's connection, and the one to the server that goes with it."""

    def __init__(self, state, upstream, client, number):
        self.state, self.upstream, self.number = state, upstream, number
        self.client = client
        self.reader = client.makefile("rb")
        self.server = None

    def run(self):
        try:
            while self.exchange():
                pass
        except (Gone, OSError, ValueError):
            reset(self.client)
        finally:
            self.drop_server()
            self.reader.close()
            self.client.close()

    def drop_server(self):
        if self.server is not None:
            self.server[1].close()
            self.server[0].close()
            self.server = None

    def exchange(self):
        try:
            request = Message(self.reader)
        except Gone:
            return False
        method, path, _ = request.start.decode("latin-1").split(" ", 2)
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in request.headers}
        entry, rule = self.state.begin(self.number, method, path, headers)
        self.to_origin(request, method, path)
        try:
            return self.answer(request, method, entry, rule)
        finally:
            self.state.end()

    @staticmethod
    def to_origin(request, method, path):
        """A client that takes us for its HTTP proxy names the server too: RFC 9112, 3.2.2."""
        if path.startswith("http://"):
            rest = path[7:]
            request.start = f"{method} {rest[rest.index('/'):]} HTTP/1.1".encode("latin-1")
            request.set(b"Proxy-Connection", None)

    def answer(self, request, method, entry, rule):
        if (request.get(b"expect") or b"").lower() == b"100-continue":
            request.set(b"Expect", None)
            self.client.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        if rule.get("hold"):
            rule.replaced.wait()
        body = self.counted(paced(body_of(request, self.reader), rule.get("slow")), entry, "received")
        if rule.get("cut_request") is not None:
            for _ in limited(body, rule.get("cut_request")):
                pass
            raise Gone
        skewed = self.too_skewed(request, rule)
        if (rule.get("reset") or rule.get("stall") is not None and rule.get("cut") is None) and not rule.get("after"):
            self.stall(rule)
        if skewed or rule.get("status") and not rule.get("after"):
            for _ in body:
                pass
            if skewed:
                return self.refuse(method, entry, rule, 403, "RequestTimeTooSkewed", "the clocks differ too much")
            return self.refuse(method, entry, rule)
        response, pieces = self.forward(request, method, body)
        entry["upstream"] = int(response.start.split(b" ")[1])
        time.sleep(rule.get("delay", 0))
        if rule.get("after") and (rule.get("status") or rule.get("reset") or rule.get("stall") is not None):
            for _ in pieces:
                pass
            if rule.get("status"):
                return self.refuse(method, entry, rule)
            self.stall(rule)
        return self.pass_back(method, entry, rule, response, pieces)

    def counted(self, pieces, entry, name):
        for piece in pieces:
            entry[name] += len(piece)
            yield piece

    def stall(self, rule):
        time.sleep(rule.get("stall", 0))
        raise Gone

    def too_skewed(self, request, rule):
        date = request.get(b"x-amz-date")
        if rule.get("skew") is None or date is None:
            return False
        said = calendar.timegm(time.strptime(date.decode(), "%Y%m%dT%H%M%SZ"))
        return abs(said - time.time() - rule.get("skew")) > rule.get("skew_limit", 300)

    def refuse(self, method, entry, rule, status=None, code=None, message=None):
        status = status or rule.get("status")
        code = code or rule.get("code", {503: "SlowDown", 500: "InternalError"}.get(status, "Fault"))
        message = message or rule.get("message", "made by the test proxy")
        text = f'<?xml version="1.0" encoding="UTF-8"?><Error><Code>{code}</Code><Message>{message}</Message></Error>'
        body = b"" if method == "HEAD" else text.encode()
        lines = [f"HTTP/1.1 {status} Fault", "Content-Type: application/xml", f"Content-Length: {len(body)}",
                 "Date: " + email.utils.formatdate(time.time() + rule.get("skew", 0), usegmt=True)]
        lines += [f"{name}: {value}" for name, value in rule.get("headers", {}).items()]
        entry["status"] = status
        entry["sent"] = len(body)
        self.client.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + body)
        return True

    def forward(self, request, method, body):
        """Pass the request on, and read the head of the answer. Bodies in chunks stay in chunks."""
        for attempt in (1, 2):
            fresh = self.server is None
            if fresh:
                connection = socket.create_connection(self.upstream)
                self.server = (connection, connection.makefile("rb"))
            try:
                self.server[0].sendall(request.head())
                for piece in body:
                    self.server[0].sendall(b"%x\r\n%s\r\n" % (len(piece), piece) if request.chunked() else piece)
                if request.chunked():
                    self.server[0].sendall(b"0\r\n\r\n")
                response = Message(self.server[1])
                while response.start.split(b" ")[1] == b"100":
                    response = Message(self.server[1])
                break
            except (OSError, Gone):
                self.drop_server()
                # The server may close a connection that was idle; the body cannot be sent twice.
                if fresh or attempt == 2 or request.get(b"content-length") not in (None, b"0") or request.chunked():
                    raise Gone from None
        empty = method == "HEAD" or response.start.split(b" ")[1] in (b"204", b"304")
        return response, iter(()) if empty else body_of(response, self.server[1], True)

    def pass_back(self, method, entry, rule, response, pieces):
        closes = (response.get(b"connection") or b"").lower() == b"close"
        if rule.get("skew") is not None:
            response.set(b"Date", email.utils.formatdate(time.time() + rule.get("skew"), usegmt=True).encode())
        for name, value in rule.get("set_headers", {}).items():
            response.set(name.encode(), None if value is None else value.encode())
        if method != "HEAD":
            response, pieces = self.changed(rule, response, pieces)
        entry["status"] = int(response.start.split(b" ")[1])
        self.client.sendall(response.head())
        pieces = self.counted(paced(pieces, rule.get("slow")), entry, "sent")
        if rule.get("cut") is not None:
            for piece in limited(pieces, rule.get("cut")):
                self.client.sendall(piece)
            time.sleep(rule.get("stall", 0))
            # Not a reset: that could take away from the client what it has not read yet.
            self.client.shutdown(socket.SHUT_RDWR)
            return False
        for piece in pieces:
            self.client.sendall(piece)
        if closes:
            self.drop_server()
        return not closes

    def changed(self, rule, response, pieces):
        """Answers whose bytes a rule changes, or whose length is not known, are gathered first."""
        changes = any(rule.get(name) is not None for name in ("flip", "truncate", "replace", "repeat"))
        if not changes and (response.get(b"content-length") is not None):
            return response, pieces
        body = bytearray(b"".join(pieces))
        if rule.get("repeat"):
            with self.state.lock:
                rule.remembered = rule.remembered or (response, bytes(body))
                response, body = rule.remembered[0], bytearray(rule.remembered[1])
        if rule.get("flip") is not None and body:
            body[max(rule.get("flip"), -len(body)) if rule.get("flip") < 0 else min(rule.get("flip"), len(body) - 1)] ^= 0xFF
        if rule.get("truncate") is not None:
            del body[rule.get("truncate") :]
        for pattern, text in rule.get("replace", []):
            body = bytearray(re.sub(pattern.encode(), text.encode(), bytes(body), flags=re.DOTALL))
        response.set(b"Transfer-Encoding", None)
        if response.start.split(b" ")[1] not in (b"204", b"304"):
            response.set(b"Content-Length", str(len(body)).encode())
        return response, iter((bytes(body),))


class Proxy:
    def __init__(self, upstream, tls):
        parts = urllib.parse.urlsplit(upstream)
        self.upstream = (parts.hostname, parts.port)
        self.state = State()
        self.tls = None
        if tls:
            self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.tls.load_cert_chain(tls)
        # This one never listens: it keeps the port ours while the proxy is down.
        self.place = socket.socket()
        self.place.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        self.place.bind(("127.0.0.1", 0))
        self.port = self.place.getsockname()[1]
        self.listen()

    def listen(self):
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=128)
        threading.Thread(target=self.accept, args=(self.listener,), daemon=True).start()

    def accept(self, listener):
        while True:
            try:
                client, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with self.state.lock:
            self.state.connections += 1
            number = self.state.connections
        try:
            client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if self.tls:
                client = self.tls.wrap_socket(client, server_side=True)
        except OSError:
            client.close()
            return
        with self.state.lock:
            self.state.open.add(client)
        Conversation(self.state, self.upstream, client, number).run()
        with self.state.lock:
            self.state.open.discard(client)

    def down(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        with self.state.lock:
            for client in self.state.open:
                try:
                    client.shutdown(socket.SHUT_RDWR)
                except OSError:
                    pass

    # ---- Control ----

    def control(self, method, target, body):
        """The status and the text that answer a request for control."""
        url = urllib.parse.urlsplit(target)
        query = dict(urllib.parse.parse_qsl(url.query))
        state = self.state
        if method == "POST" and url.path == "/rules":
            rules = [Rule(words) for words in json.loads(body)]
            with state.lock:
                for rule in state.rules:
                    rule.replaced.set()
                state.rules = rules
        elif method == "POST" and url.path == "/clear":
            with state.lock:
                state.log = []
        elif method == "POST" and url.path == "/down":
            self.down()
        elif method == "POST" and url.path == "/up":
            self.listen()
        elif method == "GET" and url.path == "/log":
            with state.lock:
                return 200, json.dumps(state.log)
        elif method == "GET" and url.path == "/count":
            with state.lock:
                return 200, str(sum(matches(entry, query) for entry in state.log))
        else:
            return 404, "no such control"
        return 200, ""

    def serve_control(self, listener):
        while True:
            client, _ = listener.accept()
            with client, client.makefile("rb") as file:
                try:
                    request = Message(file)
                    method, target, _ = request.start.decode().split(" ", 2)
                    status, text = self.control(method, target, b"".join(body_of(request, file)))
                except (Gone, OSError, ValueError, TypeError, re.error) as wrong:
                    status, text = 400, str(wrong)
                text = (text + "\n" if text else "").encode()
                head = f"HTTP/1.1 {status} Control\r\nContent-Length: {len(text)}\r\nConnection: close\r\n\r\n"
                client.sendall(head.encode() + text)


def matches(entry, query):
    unknown = set(query) - {"method", "path", "status", "header", "value"}
    if unknown:
        raise ValueError(f"unknown {sorted(unknown)}")
    return (
        re.fullmatch(query.get("method", ".*"), entry["method"]) is not None
        and re.search(query.get("path", ""), entry["path"]) is not None
        and query.get("status", str(entry["status"])) == str(entry["status"])
        and ("header" not in query or re.search(query.get("value", ""), entry["headers"].get(query["header"], "\0")) is not None
             and query["header"] in entry["headers"])
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ready")
    parser.add_argument("--owner", type=int)
    parser.add_argument("--tls")
    parser.add_argument("upstream")
    arguments = parser.parse_args()
    if arguments.owner:
        threading.Thread(target=owner.end_with, args=(arguments.owner,), daemon=True).start()
    proxy = Proxy(arguments.upstream, arguments.tls)
    listener = socket.create_server(("127.0.0.1", 0))
    scheme = "https" if arguments.tls else "http"
    text = f"={scheme}://127.0.0.1:{proxy.port}\n_CONTROL=http://127.0.0.1:{listener.getsockname()[1]}\n"
    if arguments.ready:
        with open(arguments.ready + ".new", "w", encoding="ascii") as file:
            file.write(text)
        os.rename(arguments.ready + ".new", arguments.ready)
    else:
        print(text, end="", flush=True)
    proxy.serve_control(listener)


if __name__ == "__main__":
    main()
