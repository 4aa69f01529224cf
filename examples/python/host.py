#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""An action host in Python, of nothing but its standard library.

It answers python.square, python.sorted, python.now, python.who, python.online and python.tell, and
shows all that docs/ACTION_HOSTS.md asks of a host: HELLO, SETUP, READY, calls, questions of its own,
and leaving when it is told to.  The sidecar runs it, in the application's folder, when the
configuration says so:

    "host": {"commands": ["python3 host.py"]}
"""

import collections
import json
import os
import socket
import struct
import time

HEADER = struct.Struct("<IBBHQI")  # length, operation, flags, reserved, handle, number
CHUNK = 65536
MORE = 1
HELLO, PING, PONG, GOODBYE, DRAIN = 0x01, 0x02, 0x03, 0x04, 0x05
SETUP, READY, CALL, RETURN, FAIL, ASK, ANSWER = 0x50, 0x51, 0x53, 0x54, 0x55, 0x56, 0x57
MAX_MESSAGE = 16 << 20


class Failure(Exception):
    """An error for the caller: a code of docs/PROTOCOL.md and a message."""

    def __init__(self, code, message):
        super().__init__(message)
        self.code = code


class Link:
    """The frames to and from the sidecar."""

    def __init__(self, fd):
        self.socket = socket.socket(fileno=fd)
        self.input = b""
        self.partial, self.partial_op = b"", None
        self.waiting = collections.deque()  # what came while an answer was awaited
        self.call = 0  # the handle of the call that is being answered
        self.asked = 0

    def send(self, op, payload=b"", handle=0, number=0):
        """Sends a payload, in chunks where it is long."""
        for at in range(0, len(payload) or 1, CHUNK):
            piece = payload[at : at + CHUNK]
            flags = MORE if at + CHUNK < len(payload) else 0
            header = HEADER.pack(len(piece), op, flags, 0, handle, number)
            self.socket.sendall(header + piece)

    def send_json(self, op, value, handle=0):
        self.send(op, json.dumps(value, allow_nan=False).encode(), handle)

    def ask(self, what, arguments, body=None):
        """Asks the sidecar, and waits for its answer."""
        name, text = what.encode(), json.dumps(arguments).encode()
        payload = struct.pack("<H", len(name)) + name + struct.pack("<I", len(text)) + text
        if body is not None:
            payload += json.dumps(body).encode()
        self.asked += 1
        self.send(ASK, payload, self.call, self.asked)
        while True:
            message = op, answer, _, number = self.receive()
            if op == ANSWER and number == self.asked:
                value = json.loads(answer[1:])
                if answer[0] == 0:
                    raise Failure(value["code"], value["message"])
                return value
            if op == PING:  # who waits is alive
                self.send(PONG, answer)
            else:
                self.waiting.append(message)

    def _take(self, n):
        while len(self.input) < n:
            data = self.socket.recv(1 << 18)
            if not data:
                raise SystemExit  # the sidecar is gone, and so are we
            self.input += data
        taken, self.input = self.input[:n], self.input[n:]
        return taken

    def receive(self):
        """The next whole message: operation, payload, handle, number."""
        while True:
            length, op, flags, _, handle, number = HEADER.unpack(self._take(HEADER.size))
            payload = self._take(length)
            if flags & MORE:
                self.partial, self.partial_op = self.partial + payload, op
                continue
            if op == self.partial_op:
                payload = self.partial + payload
                self.partial, self.partial_op = b"", None
            return op, payload, handle, number

    def next(self):
        """The same, but what came while an answer was awaited is first."""
        return self.waiting.popleft() if self.waiting else self.receive()


# --- actions: params, facts and the link come in, a result goes out, or a Failure is raised ---


def square(params, facts, link):
    if len(params) != 1 or not isinstance(params[0], (int, float)):
        raise Failure(-32602, "square expects one number")
    return params[0] * params[0]


def sort(params, facts, link):
    if len(params) != 1 or not isinstance(params[0], list):
        raise Failure(-32602, "sorted expects one list")
    return sorted(params[0])


def now(params, facts, link):
    return time.strftime("%H:%M:%S", time.gmtime())


def who(params, facts, link):
    """The signed-in user; nobody else gets here."""
    return facts["session"]["user"]


def online(params, facts, link):
    """Everybody who is online, on all nodes."""
    return link.ask("users.online", {})


def tell(params, facts, link):
    """All browsers get the event `told`."""
    link.ask("publish", {"to": "broadcast", "event": "told"}, params)


ACTIONS = {
    "python.square": (square, False),
    "python.sorted": (sort, False),
    "python.now": (now, False),
    "python.who": (who, True),
    "python.online": (online, False),
    "python.tell": (tell, False),
}


def read_call(payload):
    """The action's name, and facts and params of a CALL as they came."""
    _, name_length = struct.unpack_from("<BH", payload)
    at = 3 + name_length
    name = payload[3:at].decode()
    (facts_length,) = struct.unpack_from("<I", payload, at)
    at += 4
    return name, payload[at : at + facts_length], payload[at + facts_length :]


def run(name, facts, params, link):
    """The result of a call."""
    if name not in ACTIONS:  # system.authenticate, for which nobody has a password here
        raise Failure(-32601, f"there is no action {name} here")
    try:
        params = json.loads(params)
    except ValueError as error:  # JSON has numbers that are too long for Python
        raise Failure(-32602, str(error)) from error
    return ACTIONS[name][0](params, json.loads(facts), link)


def answer(link, handle, payload):
    name, facts, params = read_call(payload)
    link.call = handle
    try:
        link.send_json(RETURN, run(name, facts, params, link), handle)
    except Failure as failure:
        link.send_json(FAIL, {"code": failure.code, "message": str(failure)}, handle)
    except Exception as error:  # whatever it is, the caller must hear of it
        print(f"{name}: {error!r}", flush=True)
        link.send_json(FAIL, {"code": -32000, "message": str(error)}, handle)


def hello():
    software = b"python-host/1"
    return struct.pack(
        "<HHIQIIH", 1, 3, os.getpid(), time.time_ns(), 0, MAX_MESSAGE, len(software)
    ) + software


def main():
    link = Link(int(os.environ["SS_HOST_FD"]))
    link.send(HELLO, hello())
    while True:
        op, payload, handle, _ = link.next()
        if op == SETUP:
            actions = [
                {"name": name, "authenticated": guarded}
                for name, (_, guarded) in ACTIONS.items()
            ]
            link.send_json(READY, {"actions": actions, "problems": []})
        elif op == CALL:
            answer(link, handle, payload)
        elif op == PING:
            link.send(PONG, payload)
        elif op == DRAIN:  # what came before it is answered by now
            reason = b"drained"
            link.send(GOODBYE, struct.pack("<H", len(reason)) + reason)
            return


if __name__ == "__main__":
    try:
        main()
    except ConnectionError:
        pass  # the sidecar is gone, and so are we
