# SPDX-License-Identifier: Apache-2.0
"""Clients of `infermill serve`, for serve.sh:

    serial ENDPOINT PEOPLE.csv OUT.json             one question after the other; the answers
    load ENDPOINT PEOPLE.csv OUT.json SECONDS PID   clients at once, of which some are killed: every answer as in OUT.json, and
                                                    the server (PID) keeps neither memory nor files of those that are gone
    rate ENDPOINT PEOPLE.csv OUT.json CLIENTS SECONDS   each client asks anew when it has its answer: milliseconds, answers a second
    burst ENDPOINT PEOPLE.csv OUT.json N            N questions before the first answer is read: each answered or told busy
    late ENDPOINT PEOPLE.csv OUT.json N             N questions at leisure, and all answers read at the end
    bad ENDPOINT PEOPLE.csv                         what is no question, and questions that can not be answered
    keys ENDPOINT PEOPLE.csv SERVER.public [OWN.secret]   one question over CURVE; exit 3 where no answer comes
"""
import csv
import json
import multiprocessing
import os
import random
import signal
import socket as tcp
import sys
import time

import zmq

PATIENCE = 20000  # ms, for an answer; nothing here takes a second
TIMES_KEPT = 100000  # of each client
MEMORY = 16384  # kB that a server may grow by, once it is warm


def people(path):
    sets = {}
    with open(path) as file:
        for row in csv.DictReader(file):
            sets.setdefault(row["id"], []).append(float(row["value"]))
    return sets


def socket_to(endpoint, kind):
    socket = zmq.Context.instance().socket(kind)
    socket.setsockopt(zmq.RCVTIMEO, PATIENCE)
    socket.setsockopt(zmq.SNDTIMEO, PATIENCE)
    socket.setsockopt(zmq.LINGER, 0)
    socket.connect(endpoint)
    return socket


def question(name, values):
    return {"id": name, "observables": {"y": values}, "draws": 3}


def serial(endpoint, data, out):
    socket, answers = socket_to(endpoint, zmq.REQ), {}
    for name, values in people(data).items():
        socket.send_json(question(name, values))
        answers[name] = socket.recv_json()
        assert answers[name]["id"] == name, answers[name]
        assert answers[name]["verdict"]["accepted"] == ("summary" in answers[name]), answers[name]
    with open(out, "w") as file:
        json.dump(answers, file)
    print(f"{len(answers)} answers")


def client(endpoint, data, expected, until, seed, right, times):
    """Several questions at once; what comes back must be the same as ever, and an answer to this client's own question."""
    socket, sets, random_ = socket_to(endpoint, zmq.DEALER), people(data), random.Random(seed)
    names, asked, count = list(sets), {}, 0
    while time.monotonic() < until or asked:
        while len(asked) < 5 and time.monotonic() < until:
            name, count = random_.choice(names), count + 1
            id_ = f"{seed}.{count}"
            asked[id_] = name, time.monotonic()
            socket.send_json(question(id_, sets[name]))
        answer = socket.recv_json()
        name, began = asked.pop(answer["id"])
        if "busy" in answer:
            time.sleep(answer["retry_ms"] / 1000)
            continue
        answer["id"] = name
        assert answer == expected[name], (answer, expected[name])
        if len(times) < TIMES_KEPT:
            times.append(time.monotonic() - began)
        right[seed] += 1


def run_client(*arguments):
    right, times = arguments[5], []
    try:
        client(*arguments[:5], right, times)
    except BaseException as error:  # the parent looks at exit codes
        print("client:", repr(error)[:2000], flush=True)
        os._exit(1)
    arguments[6].put(sorted(times))


def percentile(times, share):
    return 1e3 * times[min(len(times) - 1, int(share * len(times)))]


def held(pid):
    """kB of memory and open files of a process."""
    with open(f"/proc/{pid}/status") as file:
        memory = next(int(line.split()[1]) for line in file if line.startswith("VmRSS:"))
    return memory, len(os.listdir(f"/proc/{pid}/fd"))


def half_a_connection(endpoint, random_):
    """Somebody who is no client, or who ends in the middle of a greeting or of a message."""
    host, port = endpoint[len("tcp://"):].rsplit(":", 1)
    greeting = b"\xff" + bytes(8) + b"\x7f\x03\x00NULL" + bytes(48)
    ready = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x06DEALER"
    message = b"\x00\x7f{" + bytes(100)
    whole = random_.choice([random_.randbytes(200), greeting + ready + message])
    with tcp.create_connection((host, int(port))) as raw:
        raw.sendall(whole[:random_.randrange(len(whole))])


def load(endpoint, data, out, seconds, pid, clients=8):
    with open(out) as file:
        expected = json.load(file)
    right = multiprocessing.RawArray("q", 20 * int(float(seconds)) + clients)  # no lock: a killed client would keep it
    queue = multiprocessing.Queue()
    began, random_ = time.monotonic(), random.Random(1)
    until, warm = began + float(seconds), None

    def start(seed):
        process = multiprocessing.Process(target=run_client,
                                          args=(endpoint, data, expected, until, seed, right, queue), daemon=True)
        process.start()
        return process
    before, most = held(pid), 0
    running, killed = [start(seed) for seed in range(clients)], 0
    while time.monotonic() < until - 1:  # those that are left live to the end
        time.sleep(random_.uniform(0.05, 0.3))
        k = random_.randrange(clients // 2)
        os.kill(running[k].pid, signal.SIGKILL)
        running[k].join()
        killed += 1
        running[k] = start(clients + killed)
        half_a_connection(endpoint, random_)
        if warm is None and time.monotonic() - began > min(30, float(seconds) / 3):
            warm = held(pid)
        most = max(most, held(pid)[0])
    times = []
    for _ in running:
        times += queue.get(timeout=60)
    for process in running:
        process.join(60)
        assert process.exitcode == 0, process.exitcode
    times.sort()
    time.sleep(1)  # so that the server has seen them go
    after = held(pid)
    print(f"{sum(right)} right answers to {clients} clients, {killed} killed; "
          f"{sum(right) / float(seconds):.0f} a second, p50 {percentile(times, 0.5):.1f} ms, p99 {percentile(times, 0.99):.1f} ms; "
          f"memory of the server {before[0]} kB before, {warm[0]} kB when warm, {most} kB at most, {after[0]} kB after; "
          f"{before[1]} open files before, {after[1]} after", flush=True)
    assert after[0] - warm[0] < MEMORY, "the server's memory grows"
    assert after[1] <= before[1] + 4, "the server keeps files of clients that are gone"


def rate(endpoint, data, out, clients, seconds):
    """All clients in one process, which takes less time from the server than many would."""
    with open(out) as file:
        expected = json.load(file)
    sets = people(data)
    texts = [(name, json.dumps(question(name, sets[name])).encode()) for name in expected if expected[name]["verdict"]["accepted"]]
    right, times, poller, asked = {}, [], zmq.Poller(), {}
    sockets = [socket_to(endpoint, zmq.DEALER) for _ in range(int(clients))]

    def ask(socket):
        name, text = random.choice(texts)
        asked[socket] = name, time.monotonic()
        socket.send(text)
    for socket in sockets:
        poller.register(socket, zmq.POLLIN)
        ask(socket)
    began = time.monotonic()
    until = began + float(seconds)
    while asked:
        ready = poller.poll(PATIENCE)
        assert ready, f"{len(asked)} answers are lost"
        for socket, _ in ready:
            answer = socket.recv()
            name, since = asked.pop(socket)
            times.append(time.monotonic() - since)
            if name not in right:
                assert json.loads(answer) == expected[name], answer
            assert right.setdefault(name, answer) == answer, answer
            if time.monotonic() < until:
                ask(socket)
    times.sort()
    print(f"{clients} clients: {len(times) / (time.monotonic() - began):.0f} answers a second, "
          f"p50 {percentile(times, 0.5):.2f} ms, p99 {percentile(times, 0.99):.2f} ms")


def burst(endpoint, data, out, n):
    with open(out) as file:
        expected = json.load(file)
    socket, sets = socket_to(endpoint, zmq.DEALER), people(data)
    socket.setsockopt(zmq.SNDHWM, 0)
    names, busy = list(sets), 0
    texts = {name: json.dumps(question(name, sets[name])) for name in names}
    for k in range(int(n)):
        socket.send_string(texts[names[k % len(names)]])
    for _ in range(int(n)):
        answer = socket.recv_json()
        busy += "busy" in answer
        assert "busy" in answer or answer == expected[answer["id"]], answer
    print(f"{n} questions at once: {int(n) - busy} answered, {busy} told to come again")


def late(endpoint, data, out, n):
    with open(out) as file:
        expected = json.load(file)
    socket, sets = socket_to(endpoint, zmq.DEALER), people(data)
    names = list(sets)
    for k in range(int(n)):
        socket.send_json(question(names[k % len(names)], sets[names[k % len(names)]]))
        time.sleep(0.001)
    for _ in range(int(n)):
        answer = socket.recv_json()
        assert "busy" in answer or answer == expected[answer["id"]], answer
    print(f"{n} answers read late")


def bad(endpoint, data):
    values = next(iter(people(data).values()))
    socket = socket_to(endpoint, zmq.DEALER)
    for frames in ([b"\xff\x00\xfe"], [b"a", b"b"], [b"", b"{}", b"{}"], [b""], [b"{}" * 100], [os.urandom(1000)]):
        socket.send_multipart(frames)
    large = socket_to(endpoint, zmq.DEALER)
    large.send(b" " * (1 << 24))  # more than a question can need: the connection is cut
    refused = {  # what is asked: what the error or the reason must say
        '{"observables": {}}': "observables: y is missing",
        '{"observables": {"y": "a"}}': "observables: y: got text, expected a list",
        '{"observables": {"y": [[1, 2]]}}': "got a list of 2, expected a list of 1",
        '{"observables": {"y": [1, "b"]}}': "value 1 is text, expected a number",
        '{"observables": {"y": [1], "z": [1]}}': '"z" is none of model location_scale',
        '{"observables": {"y": [1]}, "design": {"m": 1}}': '"m" is none of model location_scale',
        '{"observables": {"y": [1]}, "draws": -1}': "draws: expected a whole number from 0",
        '{"observables": {"y": [1]}, "seed": 1.5}': "seed: expected a whole number from 0",
        '{"observables": {"y": [1]}, "y": 2}': 'unknown key "y"',
        '{"id": [], "observables": {"y": [1]}}': "id: got a list",
        '[1, 2]': "got a list, expected an object",
        '{"observables"': "no JSON",
        '{"observables": {"y": [1, 2]}}': "n = 2, outside the trained range 20 to 200",
        json.dumps({"observables": {"y": values}, "design": {"n": 7}}): "elements, elsewhere 7 are told",
        json.dumps({"observables": {"y": [None] + values}}): "expected a finite number",
        json.dumps({"observables": {"y": values * 100}}): "outside the trained range",
    }
    req = socket_to(endpoint, zmq.REQ)
    for text, words in refused.items():
        req.send_string(text)
        answer = req.recv_json()
        said = answer.get("error") or answer["verdict"]["reason"]
        assert words in said and "summary" not in answer, (text[:100], answer)
    req.send_json({"about": True})
    about = req.recv_json()
    assert [p["name"] for p in about["parameters"]] == ["mu", "sigma"] and about["observables"][0]["dims"] == ["n", 1], about
    draws = []
    for seed in (0, 0, 1):
        req.send_json({"observables": {"y": values}, "seed": seed, "draws": 10})
        draws.append(req.recv_json()["draws"]["mu"])
    assert draws[0] == draws[1] != draws[2] and len(draws[0]) == 10, draws
    print(f"{len(refused)} refused, and it serves")


def key_of(path):
    with open(path) as file:
        return file.read().split()[-1].encode()


def keys(endpoint, data, server, own=None):
    socket = zmq.Context.instance().socket(zmq.REQ)
    socket.setsockopt(zmq.RCVTIMEO, 3000)
    socket.setsockopt(zmq.SNDTIMEO, 3000)  # a socket that was refused has nobody to send to
    socket.setsockopt(zmq.LINGER, 0)
    public, secret = zmq.curve_keypair()
    if own:
        secret = key_of(own)
        public = zmq.curve_public(secret)
    socket.curve_publickey, socket.curve_secretkey, socket.curve_serverkey = public, secret, key_of(server)
    socket.connect(endpoint)
    try:
        socket.send_json(question("a", next(iter(people(data).values()))))
        print(socket.recv_json()["verdict"]["accepted"])
    except zmq.Again:
        print("no answer")
        sys.exit(3)


if __name__ == "__main__":
    {"serial": serial, "load": load, "rate": rate, "burst": burst, "late": late, "bad": bad, "keys": keys}[sys.argv[1]](*sys.argv[2:])
