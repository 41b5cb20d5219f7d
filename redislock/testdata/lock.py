"""Does what standard input says with redis-py's own Lock, and says what came of it."""

import sys

import redis

host, port, name, ttl = sys.argv[1], int(sys.argv[2]), sys.argv[3], float(sys.argv[4])
lock = redis.Redis(host, port).lock(name, timeout=ttl, sleep=0.01)
tasks = {
    "try": lambda: lock.acquire(blocking=False),
    "wait": lambda: lock.acquire(blocking=True),
    "extend": lambda: lock.extend(ttl, replace_ttl=True),
    "release": lambda: lock.release() is None,
    "owned": lock.owned,
}
print("ready", flush=True)
for line in sys.stdin:
    try:
        print(tasks[line.strip()](), flush=True)
    except redis.exceptions.LockError as e:
        print(type(e).__name__, flush=True)
