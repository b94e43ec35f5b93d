"""A program that forks again and again while its other threads write and read."""

#: Wants ``opened``, the expression that opens the store. Prints how the children ended and how
#: many of their writes there are.
FORK_AMID_WORK = """
import threading, warnings
warnings.simplefilter("ignore")
store = {opened}
stop = threading.Event()

def work():
    while not stop.is_set():
        store.write([Put("s", "k", b"parent", 1)])
        store.read([Ref("s", "k")])
        store.scan("s")
        store.wait(0, 1)

threads = [threading.Thread(target=work) for _ in range(3)]
for thread in threads:
    thread.start()
results = []
for number in range(10):
    child = os.fork()
    if child == 0:
        store.write([Put("child", str(number), b"", 1)])
        os._exit(0 if store.read([Ref("child", str(number))])[0] else 1)
    results.append(os.waitpid(child, 0)[1])
stop.set()
for thread in threads:
    thread.join()
print(set(results), len(store.scan("child")))
store.close()
"""
