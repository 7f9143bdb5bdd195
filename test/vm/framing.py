# SPDX-License-Identifier: GPL-2.0-or-later
# framing.py PASST DIR - speaks to passt as QEMU's stream netdev does, well and badly
#
# Each frame is preceded by its length, four bytes in network byte order (QEMU,
# "-netdev stream"). One line for each test, as test/lib says.
import os, re, resource, signal, socket, struct, subprocess, sys, time

passt, where = sys.argv[1:3]
path = where + '/framing.socket'
HOST, GUEST, ROUTER = '192.0.2.2', '192.0.2.2', '192.0.2.1'
MAC = bytes.fromhex('020000000001')

def mac_of(frame):
    return frame[22:28]

def arp(target):
    return (b'\xff' * 6 + MAC + b'\x08\x06' + struct.pack('!HHBBH', 1, 0x800, 6, 4, 1) +
            MAC + socket.inet_aton(GUEST) + bytes(6) + socket.inet_aton(target))

def csum(b):
    s = sum(struct.unpack('!%dH' % ((len(b) + 1) // 2), b + b'\0' * (len(b) % 2)))
    while s >> 16:
        s = (s & 0xffff) + (s >> 16)
    return ~s & 0xffff

def ip(src, dst, proto, data):
    h = struct.pack('!BBHHHBBH', 0x45, 0, 20 + len(data), 0, 0, 64, proto, 0)
    h += socket.inet_aton(src) + socket.inet_aton(dst)
    h = h[:10] + struct.pack('!H', csum(h)) + h[12:]
    return b'\xff' * 6 + MAC + b'\x08\0' + h + data

def udp(dst, dport, data, src=GUEST):
    return ip(src, dst, 17, struct.pack('!HHHH', 4000, dport, 8 + len(data), 0) + data)

def tcp(dst, dport, seq, ack, flags):
    h = struct.pack('!HHIIBBHHH', 4001, dport, seq, ack, 5 << 4, flags, 65535, 0, 0)
    pseudo = socket.inet_aton(GUEST) + socket.inet_aton(dst) + struct.pack('!HH', 6, len(h))
    return ip(GUEST, dst, 6, h[:16] + struct.pack('!H', csum(pseudo + h)) + h[18:])

def framed(f):
    return struct.pack('!I', len(f)) + f

class Peer:
    def __init__(self):
        self.s = socket.socket(socket.AF_UNIX)
        self.s.connect(path)
        self.s.settimeout(10)
        self.buf = b''

    def send(self, b):
        self.s.sendall(b)

    def frame(self):
        """The next frame, or None at the end of the connection"""
        while True:
            if len(self.buf) >= 4:
                n, = struct.unpack('!I', self.buf[:4])
                assert 60 <= n <= 65535, f'length {n}'
                if len(self.buf) >= 4 + n:
                    f, self.buf = self.buf[4:4 + n], self.buf[4 + n:]
                    return f
            try:
                b = self.s.recv(1 << 20)
            except ConnectionResetError:
                b = b''
            if not b:
                return None
            self.buf += b

    def reply(self):
        """The next ARP reply"""
        while True:
            f = self.frame()
            assert f is not None, 'connection closed'
            if f[12:14] == b'\x08\x06' and f[21] == 2:
                return f

    def segment(self):
        """The next TCP segment: sequence number, flags, payload"""
        while True:
            f = self.frame()
            assert f is not None, 'connection closed'
            if f[12:14] == b'\x08\0' and f[23] == 6:
                n, = struct.unpack('!H', f[16:18])
                seq, = struct.unpack('!I', f[38:42])
                return seq, f[47], f[34 + (f[46] >> 4) * 4:14 + n]

    def asks(self):
        """Does the other end still answer?"""
        self.send(framed(arp(ROUTER)))
        f = self.reply()
        assert f[28:32] == socket.inet_aton(ROUTER) and len(f) == 60
        return f

    def closed(self):
        while self.frame() is not None:
            pass

    def close(self):
        self.s.close()

def start(*args, **kw):
    p = subprocess.Popen([passt, '-f', *args], stderr=subprocess.PIPE, **kw)
    os.set_blocking(p.stderr.fileno(), False)
    return p

def said(p):
    try:
        return os.read(p.stderr.fileno(), 1 << 16).decode()
    except BlockingIOError:
        return ''

def wait(what, seconds=10):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, 'waited in vain'
        time.sleep(0.01)

def start_listening(*args):
    p = start('-s', path, *args)
    wait(lambda: os.path.exists(path))
    said_at_start = ''
    def bound():
        nonlocal said_at_start
        said_at_start += said(p)
        return f'UNIX domain socket bound at {path}\n' in said_at_start
    wait(bound)
    return p

def reconnect():
    """A new connection, once the end of the one before has been noticed"""
    for _ in range(500):
        p = Peer()
        p.s.setblocking(False)
        time.sleep(0.02)
        try:
            if p.s.recv(1, socket.MSG_PEEK):
                p.s.settimeout(10)
                return p
        except BlockingIOError:
            p.s.settimeout(10)
            return p
        except ConnectionResetError:
            pass
        p.close()
    raise AssertionError('no connection')

def splits():
    p = reconnect()
    f = framed(arp(ROUTER))
    p.s.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    for i in range(1, len(f)):
        p.send(f[:i])
        time.sleep(0.001)
        p.send(f[i:])
        p.reply()
    for b in f * 20:
        p.send(bytes([b]))
    for _ in range(20):
        p.reply()
    p.close()

def two_frames_split():
    p = reconnect()
    f = framed(arp(ROUTER)) + framed(bytes(65535)) + framed(arp(ROUTER))
    for i in (3, 40, 46, 48, 50, 30000, 65584, 65586, 65588, 65600):
        p.send(f[:i])
        time.sleep(0.002)
        p.send(f[i:])
        p.reply()
        p.reply()
    p.close()

def many():
    p = reconnect()
    n = 20000
    sent = 0
    got = 0
    f = framed(arp(ROUTER)) * 1000
    while got < n:
        if sent < n:
            p.send(f)
            sent += 1000
        while got < sent:
            p.reply()
            got += 1
    p.close()

def bad(length):
    p = reconnect()
    p.asks()
    p.send(struct.pack('!I', length) + bytes(64))
    p.closed()
    p.close()
    p = reconnect()
    p.asks()
    p.close()

def good(length):
    p = reconnect()
    p.send(framed(bytes(length)))
    p.asks()
    p.close()

def vanish(cut):
    p = reconnect()
    p.asks()
    p.send(framed(arp(ROUTER))[:cut])
    p.close()
    p = reconnect()
    p.asks()
    p.close()

def second():
    said(server)
    p = reconnect()
    p.asks()
    q = Peer()
    assert q.frame() is None
    q.close()
    p.asks()
    p.close()
    text = ''
    def logged():
        nonlocal text
        text += said(server)
        return (f'accepted connection from PID {os.getpid()}\n' in text and
                f'discarding connection from PID {os.getpid()}\n' in text)
    wait(logged)

def ticks():
    with open(f'/proc/{server.pid}/stat') as f:
        return sum(int(n) for n in f.read().rsplit(')', 1)[1].split()[11:13])

def no_descriptor():
    """A client that can't even be taken is sent away later, and costs nothing until then"""
    p = reconnect()
    p.asks()
    limits = resource.prlimit(server.pid, resource.RLIMIT_NOFILE)
    resource.prlimit(server.pid, resource.RLIMIT_NOFILE, (4, limits[1]))
    try:
        q = Peer()
        before = ticks()
        time.sleep(1)
        used = ticks() - before
        p.asks()
    finally:
        resource.prlimit(server.pid, resource.RLIMIT_NOFILE, limits)
    assert used <= 10, f'{used} of 100 ticks'
    assert q.frame() is None
    q.close()
    p.asks()
    p.close()

def will_not_read():
    """A guest that has closed its ears can't be served: its connection ends"""
    p = reconnect()
    p.s.shutdown(socket.SHUT_RD)
    def ended():
        try:
            p.send(framed(arp(ROUTER)))
        except BrokenPipeError:
            return True
    wait(ended)
    p.close()
    p = reconnect()
    p.asks()
    p.close()

def never_reads():
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.bind((HOST, 0))
    u.settimeout(10)
    port = u.getsockname()[1]
    p = reconnect()
    # Fill all there is on the way back
    for _ in range(400):
        p.send(framed(arp(ROUTER)) * 1000)
    # Its own flows towards the host go on, others are told that we are there
    for i in range(20):
        p.send(framed(udp(HOST_SEEN, port, b'%d' % i)))
        assert u.recv(100) == b'%d' % i
        q = Peer()
        assert q.frame() is None
        q.close()
    # What was queued is whole, and then all is as before
    n = 0
    p.s.settimeout(0.5)
    try:
        while True:
            p.reply()
            n += 1
    except TimeoutError:
        pass
    print(f'	{n} of 400000 replies were queued')
    assert 1000 < n < 400000 and p.buf == b''
    p.s.settimeout(10)
    p.asks()
    p.close()

def kept():
    """A flow goes on where the guest comes back"""
    s = socket.create_server((HOST, 0))
    port = s.getsockname()[1]
    p = reconnect()
    p.send(framed(tcp(HOST_SEEN, port, 1000, 0, 2)))
    seq, flags, _ = p.segment()
    assert flags == 0x12, f'flags {flags}'
    p.send(framed(tcp(HOST_SEEN, port, 1001, seq + 1, 0x10)))
    c, _ = s.accept()
    p.close()
    time.sleep(0.1)
    c.sendall(b'as if nothing had happened')
    p = reconnect()
    while True:
        _, flags, data = p.segment()
        assert not flags & 4, 'reset'
        if data:
            assert data == b'as if nothing had happened', data
            break
    p.close()
    c.close()

def found():
    """Whoever connects is asked to show himself"""
    p = reconnect()
    arp_seen = ns_seen = False
    while not (arp_seen and ns_seen):
        f = p.frame()
        arp_seen |= (f[12:14] == b'\x08\x06' and f[21] == 1 and
                     f[38:42] == socket.inet_aton(GUEST))
        ns_seen |= f[12:14] == b'\x86\xdd' and f[20] == 58 and f[54] == 135
    p.close()

def other_address():
    """The guest need not use the address that it was given"""
    u = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    u.bind((HOST, 0))
    u.settimeout(10)
    p = reconnect()
    p.send(framed(udp(HOST_SEEN, u.getsockname()[1], b'question', '10.1.2.3')))
    data, peer = u.recvfrom(100)
    assert data == b'question' and peer[0] == HOST
    u.sendto(b'answer', peer)
    while True:
        f = p.frame()
        if f[12:14] == b'\x08\0' and f[23] == 17:
            break
    assert f[30:34] == socket.inet_aton('10.1.2.3') and f[42:48] == b'answer'
    p.close()

def one_off():
    s = start_listening('-1')
    p = Peer()
    p.asks()
    p.close()
    assert s.wait(10) == 0

def passed_fd():
    a, b = socket.socketpair()
    s = start('--fd', str(b.fileno()), pass_fds=[b.fileno()])
    b.close()
    p = Peer.__new__(Peer)
    p.s, p.buf = a, b''
    a.settimeout(10)
    p.asks()
    p.close()
    assert s.wait(10) == 0

def passed_dgram():
    a, b = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    s = start('--fd', str(b.fileno()), pass_fds=[b.fileno()])
    assert s.wait(10) == 1

def in_use():
    s = start('-s', path)
    assert s.wait(10) == 1
    assert 'Address already in use' in said(s)

def foreign():
    """A file that happens to be there is none of ours"""
    name = path + '.file'
    with open(name, 'w') as f:
        f.write('kept')
    s = start('-s', name)
    assert s.wait(10) == 1
    assert 'File exists' in said(s)
    with open(name) as f:
        assert f.read() == 'kept'
    os.unlink(name)

def stale():
    global server
    server.send_signal(signal.SIGKILL)
    server.wait()
    server = start_listening()

def probes():
    """Without a path, the first of the usual ones that is free"""
    found = []
    running = []
    for _ in range(2):
        s = start()
        running.append(s)
        text = ''
        def bound():
            nonlocal text
            text += said(s)
            return re.search(r'UNIX domain socket bound at (/tmp/passt_\d+\.socket)\n', text)
        wait(bound)
        found.append(bound().group(1))
    for s in running:
        s.terminate()
        assert s.wait(10) == 0
    for f in found:
        os.unlink(f)
    assert found[0] != found[1], found

def ends():
    server.terminate()
    assert server.wait(10) == 0

def attempt(name, fn, *args):
    try:
        fn(*args)
        print(f'ok framing: {name}', flush=True)
    except Exception as e:
        print(f'not ok framing: {name}\n#	{type(e).__name__}: {e}', flush=True)

# The guest has the host's address; the router's stands for the host's loopback
HOST_SEEN = ROUTER
HOST = '127.0.0.1'
server = start_listening()
attempt('split at every byte', splits)
attempt('split, several frames', two_frames_split)
attempt('many frames at once', many)
for n in (14, 65535):
    attempt(f'length {n}', good, n)
for n in (0, 13, 65536, 0xffffffff):
    attempt(f'length {n}: connection closed', bad, n)
for n in (1, 4, 5, 45):
    attempt(f'peer vanishes after {n} bytes', vanish, n)
attempt('second client', second)
attempt('second client, no descriptor for it', no_descriptor)
attempt('peer that never reads', never_reads)
attempt('peer that will not read', will_not_read)
attempt('flow of a guest that comes back', kept)
attempt('probes on connection', found)
attempt('address of its own choice', other_address)
attempt('path in use', in_use)
attempt('path of a file', foreign)
attempt('path left behind', stale)
attempt('end', ends)
attempt('one-off', one_off)
attempt('--fd', passed_fd)
attempt('--fd, not a stream', passed_dgram)
attempt('usual paths', probes)
