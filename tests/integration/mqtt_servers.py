"""Servers made for the MQTT tests: a broker that plays a script, and a name server."""

import socket
import threading

CONNACK = b"\x20\x02\x00\x00"
STORED_CONNACK = b"\x20\x02\x01\x00"
SUBACK = b"\x90\x04\xff\xff\x01\x01"


class HostileServer:
    """Reads CONNECT, then for each step of a script sends it and reads what is waiting.

    ``scripts`` are tuples of bytes; the last one serves all further connections too.  After a script
    the connection stays open until the client closes it, or is cut at once when the last step is
    ``None``.  ``received`` holds what each connection sent, ``ended`` counts those that are over.
    """

    def __init__(self, *scripts: tuple[bytes | None, ...]):
        self._scripts = scripts
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.received: list[bytes] = []
        self.ended = 0
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        number = 0
        while True:
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            script = self._scripts[min(number, len(self._scripts) - 1)]
            self.received.append(b"")
            threading.Thread(target=self._serve, args=(sock, script, number), daemon=True).start()
            number += 1

    def _serve(self, sock: socket.socket, script: tuple[bytes | None, ...], number: int) -> None:
        with sock:
            try:
                for step in script:
                    if step is None:
                        break
                    self.received[number] += sock.recv(4096)
                    sock.sendall(step)
                else:
                    while data := sock.recv(4096):
                        self.received[number] += data
            except OSError:
                pass  # the client hung up first, which is what most scripts are about
        self.ended += 1

    def kill(self) -> None:
        self._listener.close()


class NameServer:
    """Answers questions for an address (RFC 1035) from ``names``; others do not exist.

    ``mute`` makes it take questions and say nothing; ``prefix`` is sent before each answer, as an
    attacker who guesses would.  ``asked`` counts the questions.
    """

    def __init__(self, names: dict[str, str]):
        self.names = names
        self.mute = False
        self.prefix: tuple[bytes, ...] = ()
        self.asked = 0
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        while True:
            try:
                question, peer = self._socket.recvfrom(512)
            except OSError:
                return
            self.asked += 1
            if self.mute:
                continue
            for data in self.prefix:
                self._socket.sendto(data, peer)
            self._socket.sendto(self._answer(question), peer)

    def _answer(self, question: bytes) -> bytes:
        labels, at = [], 12
        while length := question[at]:
            labels.append(question[at + 1 : at + 1 + length].decode())
            at += 1 + length
        address = self.names.get(".".join(labels))
        if address is None:
            return question[:2] + b"\x81\x83" + question[4:]
        # An alias first, as content networks answer; then the address, both by pointers to the name.
        alias = b"\xc0\x0c\x00\x05\x00\x01\x00\x00\x00\x3c\x00\x02\xc0\x0c"
        record = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + socket.inet_aton(address)
        return question[:2] + b"\x81\x80\x00\x01\x00\x02\x00\x00\x00\x00" + question[12:] + alias + record

    def kill(self) -> None:
        self._socket.close()
