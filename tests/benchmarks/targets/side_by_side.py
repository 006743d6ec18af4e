"""Two threads that work, and others that wait; answers with operations per processor second.

Argument: how many threads wait.
"""

import json
import sys
import threading
import time

WAITING = int(sys.argv[1])
WORKING = 2


def main() -> None:
    end = threading.Event()
    done = [0] * WORKING

    def work(number: int) -> None:
        while not end.is_set():
            total = 0
            for each in range(1000):
                total += each
            done[number] += 1

    threads = [threading.Thread(target=work, args=(number,)) for number in range(WORKING)]
    threads += [threading.Thread(target=end.wait) for _ in range(WAITING)]
    for each in threads:
        each.start()
    print(json.dumps("ready"), flush=True)
    for line in sys.stdin:
        before, used = sum(done), time.process_time()
        time.sleep(float(line.split()[1]))
        print(json.dumps((sum(done) - before) / (time.process_time() - used)), flush=True)
    end.set()


main()
