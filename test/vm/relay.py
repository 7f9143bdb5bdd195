# SPDX-License-Identifier: GPL-2.0-or-later
# relay.py LISTEN PATH - stands between QEMU and passt, and connects to passt again when the
# connection ends, as QEMU from 8.0 on does by itself with "reconnect"
import os, select, socket, struct, sys, time

listen, path = sys.argv[1:]

def connect():
    while True:
        s = socket.socket(socket.AF_UNIX)
        try:
            s.connect(path)
            return s
        except OSError:
            time.sleep(0.05)

def whole_frames(b):
    """How many bytes of b are whole frames"""
    at = 0
    while len(b) - at >= 4:
        n, = struct.unpack_from('!I', b, at)
        if len(b) - at < 4 + n:
            break
        at += 4 + n
    return at

server = socket.socket(socket.AF_UNIX)
server.bind(listen)
server.listen()
qemu, _ = server.accept()
while True:
    passt = connect()
    left = {qemu: b'', passt: b''}
    while passt.fileno() >= 0:
        for s in select.select([qemu, passt], [], [])[0]:
            try:
                b = s.recv(1 << 18)
            except ConnectionResetError:
                b = b''
            if not b and s is qemu:
                sys.exit(0)
            b = left[s] + b
            n = whole_frames(b)
            left[s] = b[n:]
            if len(b) == len(left[s]) and not b:
                passt.close()
                break
            try:
                (passt if s is qemu else qemu).sendall(b[:n])
            except BrokenPipeError:
                passt.close()
                break
