"""A process with a lock of kazoo's, which does what standard input says."""
import sys
from kazoo.client import KazooClient

servers, kind, path = sys.argv[1:]
client = KazooClient(hosts=servers, timeout=2)
client.start()
# Lock, which looks for nodes of others only where it is told how they are called.
make = {"lock": client.Lock, "read": client.ReadLock, "write": client.WriteLock}[kind]
patterns = ["-lock-"] if kind == "lock" else ["-__WRIT__"] if kind == "read" else ["-__READ__", "-__WRIT__"]
lock = make(path, "kazoo", extra_lock_patterns=patterns)
print("ready", flush=True)
for line in sys.stdin:
    task = line.strip()
    if task == "try":
        print("acquired" if lock.acquire(blocking=False) else "held", flush=True)
    elif task == "wait":
        lock.acquire()
        print("acquired", flush=True)
    elif task == "release":
        lock.release()
        print("released", flush=True)
