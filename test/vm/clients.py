# SPDX-License-Identifier: GPL-2.0-or-later
# clients.py PASST DIR - start passt with the command lines of programs that run virtual
# machines, and look at what these rely on
import os, socket, struct, subprocess, sys, time

passt, where = sys.argv[1:3]
MAC = bytes.fromhex('020000000001')
path, pid_file, log = (f'{where}/vm.{x}' for x in ('socket', 'pid', 'log'))

def arp(target):
    f = (b'\xff' * 6 + MAC + b'\x08\x06' + struct.pack('!HHBBH', 1, 0x800, 6, 4, 1) +
         MAC + bytes(4) + bytes(6) + socket.inet_aton(target))
    return struct.pack('!I', len(f)) + f

def talks(s, router='192.0.2.1'):
    s.settimeout(10)
    s.sendall(arp(router))
    buf = b''
    while True:
        while len(buf) < 4 or len(buf) < 4 + struct.unpack('!I', buf[:4])[0]:
            b = s.recv(65536)
            assert b, 'connection closed'
            buf += b
        n, = struct.unpack('!I', buf[:4])
        f, buf = buf[4:4 + n], buf[4 + n:]
        if f[12:14] == b'\x08\x06' and f[21] == 2:
            return

def wait(what):
    end = time.monotonic() + 10
    while not what():
        assert time.monotonic() < end, 'waited in vain'
        time.sleep(0.01)

def alive(pid):
    try:
        with open(f'/proc/{pid}/stat') as f:
            return f.read().rsplit(')', 1)[1].split()[0] != 'Z'
    except (FileNotFoundError, ProcessLookupError):
        return False

def the_pid():
    with open(pid_file) as f:
        pid = int(f.read())
    assert pid > 0 and alive(pid)
    with open(f'/proc/{pid}/comm') as f:
        assert f.read() == 'passt\n'
    return pid

def connect():
    s = socket.socket(socket.AF_UNIX)
    s.connect(path)
    return s

def clean():
    for f in (path, pid_file, log):
        if os.path.exists(f):
            os.unlink(f)

def libvirt():
    """In the background when it returns, ends with its only guest"""
    clean()
    r = subprocess.run([passt, '--one-off', '--socket', path, '--pid', pid_file,
                        '--mtu', '1400', '--interface', 'eth0', '--log-file', log,
                        '--hostname', 'guest', '--fqdn', 'guest.example.net',
                        '--address', '192.0.2.9', '--netmask', '24',
                        '--address', '2001:db8:2::9'],
                       capture_output=True, timeout=20)
    assert r.returncode == 0, r.stderr
    pid = the_pid()
    s = connect()
    talks(s)
    s.close()
    wait(lambda: not alive(pid))
    with open(log) as f:
        assert 'accepted connection' in f.read()

def libvirt_stop():
    """Ended by its PID before anybody came"""
    clean()
    r = subprocess.run([passt, '--one-off', '--socket', path, '--pid', pid_file],
                       capture_output=True, timeout=20)
    assert r.returncode == 0, r.stderr
    pid = the_pid()
    os.kill(pid, 15)
    wait(lambda: not alive(pid))

def libvirt_fails():
    """What is wrong is said on standard error, and at once"""
    clean()
    r = subprocess.run([passt, '--one-off', '--socket', path, '--pid', pid_file,
                        '--interface', 'nosuch0'], capture_output=True, timeout=20)
    assert r.returncode == 1 and b'nosuch0' in r.stderr and not os.path.exists(path)

def qemu():
    """QEMU's -netdev passt: a socket as descriptor 3, a PID file that is there already"""
    clean()
    open(pid_file, 'w').close()
    a, b = socket.socketpair()
    args = [passt, '--quiet', '--mtu', '1500', '--address', '192.0.2.9', '--netmask', '24',
            '--mac-addr', '9a:55:9a:55:9a:01', '--gateway', '192.0.2.1',
            '--interface', 'eth0', '--outbound', '192.0.2.2', '--outbound-if4', 'eth0',
            '--dns', '192.0.2.53', '--fqdn', 'guest.example.net', '--no-dhcp-search',
            '--map-host-loopback', '192.0.2.77', '--map-guest-addr', '192.0.2.88',
            '--dns-forward', '192.0.2.53', '--dns-host', '192.0.2.1', '--no-ra',
            '--freebind', '--search', 'example.net example.org', '--pid', pid_file,
            '--fd', '3']
    os.set_inheritable(b.fileno(), True)
    r = subprocess.run(['sh', '-c', f'exec "$@" 3<&{b.fileno()}', 'sh', *args],
                       pass_fds=[b.fileno()], capture_output=True, timeout=20)
    b.close()
    assert r.returncode == 0, r.stderr
    pid = the_pid()
    talks(a)
    a.close()
    wait(lambda: not alive(pid))

def qemu_ends():
    """... which it ends by SIGTERM"""
    clean()
    a, b = socket.socketpair()
    r = subprocess.run(['sh', '-c', f'exec "$@" 3<&{b.fileno()}', 'sh', passt, '--quiet',
                        '--ipv4-only', '--no-tcp', '--no-udp', '--no-icmp', '--no-dhcp',
                        '--no-ndp', '--no-dhcpv6', '--pid', pid_file, '--fd', '3'],
                       pass_fds=[b.fileno()], capture_output=True, timeout=20)
    b.close()
    assert r.returncode == 0, r.stderr
    pid = the_pid()
    talks(a)
    os.kill(pid, 15)
    a.settimeout(10)
    while a.recv(65536):
        pass
    wait(lambda: not alive(pid))

def muvm():
    """A child with a socket pair; what was sent before it is ready is not lost"""
    a, b = socket.socketpair()
    a.sendall(arp('192.0.2.1'))
    p = subprocess.Popen([passt, '-q', '-f', '--fd', str(b.fileno())],
                         pass_fds=[b.fileno()])
    b.close()
    talks(a)
    a.close()
    assert p.wait(10) == 0

def libkrun():
    a, b = socket.socketpair()
    os.dup2(b.fileno(), 0)
    p = subprocess.Popen([passt, '-f', '--fd', '0'], stdin=b, stderr=subprocess.DEVNULL)
    b.close()
    os.dup2(os.open('/dev/null', os.O_RDWR), 0)
    talks(a)
    a.close()
    assert p.wait(10) == 0

def two_levels():
    """A later -s takes the place of --fd, and the other way around"""
    clean()
    a, b = socket.socketpair()
    p = subprocess.Popen([passt, '-f', '--fd', str(b.fileno()), '-s', path],
                         pass_fds=[b.fileno()], stderr=subprocess.DEVNULL)
    wait(lambda: os.path.exists(path))
    s = connect()
    talks(s)
    s.close()
    s = connect()
    talks(s)
    p.terminate()
    assert p.wait(10) == 0

for t in (libvirt, libvirt_stop, libvirt_fails, qemu, qemu_ends, muvm, libkrun, two_levels):
    name = t.__name__.replace('_', ' ')
    try:
        t()
        print(f'ok clients: {name}', flush=True)
    except Exception as e:
        print(f'not ok clients: {name}\n#	{type(e).__name__}: {e}', flush=True)
