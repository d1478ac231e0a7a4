"""hostile.py: requests that no honest client sends, each with the statuses that may answer it. None
stands for a connection that is closed without an answer."""
import json

from support import specs

CLOSED = None
CLIENT_FAULT = (400, 408, 411, 413, 414, 417, 431, 501, 505, CLOSED)


def request(method, path, headers=(), body=b"", host="Host: localhost"):
    lines = [f"{method} {path} HTTP/1.1"] + ([host] if host else []) + list(headers)
    return "\r\n".join(lines).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def post(body, path="/v1/jobs", kind="application/json", headers=()):
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return request("POST", path, [f"Content-Type: {kind}", f"Content-Length: {len(body)}",
                                  "Connection: close", *headers], body)


def get(path, *headers, **options):
    return request("GET", path, ["Connection: close", *headers], **options)


def spec(**changes):
    return post(specs.merged(specs.supervised(), changes))


def exact(**solver):
    job = specs.iml()
    job["meta"]["solver"] = {"kind": "exact", **solver}
    return post(job)


def text(old, new):
    """A job document with a piece of its text replaced: what no JSON writer makes."""
    document = json.dumps(specs.supervised()).encode()
    assert document.count(old) >= 1, old
    return post(document.replace(old, new, 1))


def chunked(*chunks, headers=()):
    return request("POST", "/v1/jobs", ["Content-Type: application/json",
                                        "Transfer-Encoding: chunked", *headers], b"".join(chunks))


SEED = b'"seed": 1'

# name, bytes on the wire, statuses, pointer that the problem must list (None: none is asked for)
REQUESTS = [
    # not JSON
    ("empty body", post(b""), (400,), None),
    ("cut off", post(b'{"algorithm": "iml"'), (400,), None),
    ("array", post(b"[]"), (400, 422), None),
    ("number", post(b"1"), (400,), None),
    ("text after it", post(b"{} x"), (400,), None),
    ("NUL after it", post(b"{}\0"), (400,), None),
    ("NUL in a text", text(b'"supervised"', b'"super\\u0000vised"'), (400,), None),
    ("raw NUL", text(b'"supervised"', b'"super\0vised"'), (400,), None),
    ("NaN", text(SEED, b'"seed": NaN'), (400,), None),
    ("Infinity", text(SEED, b'"seed": Infinity'), (400,), None),
    ("1e400", text(SEED, b'"seed": 1e400'), (400,), None),
    ("2^64", text(SEED, b'"seed": 18446744073709551616'), (400,), None),
    ("hexadecimal", text(SEED, b'"seed": 0x10'), (400,), None),
    ("leading zero", text(SEED, b'"seed": 01'), (400,), None),
    ("trailing comma", text(SEED, b'"seed": 1,'), (400,), None),
    ("comment", text(SEED, b'"seed": 1 /* one */'), (400,), None),
    ("duplicate key", text(SEED, b'"seed": 1, "seed": 2'), (400,), None),
    ("byte order mark", post(b"\xef\xbb\xbf{}"), (400,), None),
    ("bad UTF-8", text(b'"supervised"', b'"\xff\xfe"'), (400,), None),
    ("overlong UTF-8", text(b'"supervised"', b'"\xc0\xaf"'), (400,), None),
    ("lone surrogate", text(b'"supervised"', b'"\\ud800"'), (400,), None),
    ("deep nesting", post(b"[" * 5000 + b"]" * 5000), (400,), None),
    ("deep objects", post(b'{"a":' * 3000 + b"1" + b"}" * 3000), (400,), None),
    ("40 levels", post(b'{"note":' * 40 + b"1" + b"}" * 40), (400, 422), None),
    # wrong fields
    ("nothing", post({}), (422,), "/algorithm"),
    ("no set", post({"algorithm": "iml"}), (422,), "/data"),
    ("unknown algorithm", spec(algorithm="magic"), (422,), "/algorithm"),
    ("wrong type", spec(seed="1"), (422,), "/seed"),
    ("fraction", spec(seed=1.5), (422,), "/seed"),
    ("negative", spec(seed=-1), (422,), "/seed"),
    ("seed of 33 bits", spec(seed=1 << 32), (422,), "/seed"),
    ("null", spec(model=None), (422,), "/model"),
    ("section as list", spec(inner=[]), (422,), "/inner"),
    ("unknown field", spec(iner={}), (422,), "/iner"),
    ("unknown nested field", spec(inner={"bach": 3}), (422,), "/inner/bach"),
    ("field outside its when", spec(inner={"optimizer": {"kind": "adam", "momentum": 0.9}}), (422,),
     "/inner/optimizer/momentum"),
    ("section of another algorithm", spec(meta={"updates": 3}), (422,), "/meta"),
    ("pointer escapes", post({**specs.supervised(), "a/b~c": 1}), (422,), "/a~1b~0c"),
    ("empty key", post({**specs.supervised(), "": 1}), (422,), "/"),
    ("zero batch", spec(inner={"batch": 0}), (422,), "/inner/batch"),
    ("absurd width", spec(model={"hidden": [65536, 65536, 65536]}), (422,), None),
    ("exact above its limit", exact(max_parameters=100), (422,), "/meta/solver"),
    ("beyond the widest", spec(model={"hidden": [10**9]}), (422,), "/model/hidden/0"),
    ("too many layers", spec(model={"hidden": [4] * 17}), (422,), "/model/hidden"),
    ("more images than there are", spec(data={"train": 10**6}), (422,), "/data/train"),
    ("all images for validation", spec(data={"validation": 1200}), (422,), None),
    ("too many threads", spec(resources={"threads": 64}), (422,), "/resources/threads"),
    ("long name", spec(name="x" * 201), (422,), "/name"),
    ("long note", spec(note="x" * 10001), (422,), "/note"),
    ("many tags", spec(tags=["t"] * 33), (422,), "/tags"),
    ("long tag", spec(tags=["t" * 65]), (422,), "/tags/0"),
    ("test metric as best", spec(checkpoint={"best": "test/accuracy"}), (422,), "/checkpoint/best"),
    ("unknown metric", spec(checkpoint={"best": "validation/magic"}), (422,), "/checkpoint/best"),
    ("unknown rule", spec(early_stopping=[{"rule": "luck"}]), (422,), "/early_stopping/0/rule"),
    ("rule without value", spec(early_stopping=[{"rule": "target"}]), (422,),
     "/early_stopping/0/value"),
    ("many rules", spec(early_stopping=[{"rule": "patience"}] * 17), (422,), "/early_stopping"),
    ("unknown set", spec(data={"set": "nonesuch"}), (422,), "/data/set"),
    # paths that leave their place
    ("traversal in the set", spec(data={"set": "../../etc"}), (422,), "/data/set"),
    ("absolute set", spec(data={"set": "/etc"}), (422,), "/data/set"),
    ("set of dots", spec(data={"set": ".."}), (422,), "/data/set"),
    ("set with NUL escape", text(b'"shapes"', b'"shapes\\u0000x"'), (400,), None),
    ("set with a slash", spec(data={"set": "shapes/../shapes"}), (422,), "/data/set"),
    ("traversal in the path", get("/v1/jobs/../../etc/passwd"), (400, 404), None),
    ("encoded traversal", get("/v1/jobs/%2e%2e%2f%2e%2e%2fetc"), (400, 404), None),
    ("encoded slash", get("/v1%2Fjobs"), (400, 404), None),
    ("encoded NUL", get("/v1/jobs%00"), (400, 404), None),
    ("double slash", get("//v1//jobs"), (400, 404), None),
    ("artifact traversal", get("/v1/jobs/j0000001/artifacts/..%2fimld.db"), (400, 404), None),
    ("artifact of a huge step", get("/v1/jobs/j0000001/artifacts/lens?step=99999999999999999999"), (400,), None),
    ("artifacts behind no name", get("/v1/jobs/j0000001/artifacts?cursor=%27.1"), (200, 404), None),
    ("from a path", spec(**{"from": {"job": "../imld.db"}}), (422,), "/from/job"),
    ("from a checkpoint's path", spec(**{"from": {"job": "j0000001", "checkpoint": "../../imld.db"}}), (422,), "/from"),
    ("checkpoint traversal", get("/v1/jobs/j0000001/checkpoints/..%2fimld.db"), (400, 404), None),
    ("backslashes", get("/v1\\jobs"), (400, 404), None),
    ("absolute form", get("http://evil.example/v1/jobs"), (400, 404, 421), None),
    # query
    ("unknown argument", get("/v1/jobs?colour=red"), (400,), None),
    ("bad limit", get("/v1/jobs?limit=-1"), (400,), None),
    ("huge limit", get("/v1/jobs?limit=99999999999999999999"), (400,), None),
    ("bad state", get("/v1/jobs?state=asleep"), (400,), None),
    ("bad cursor", get("/v1/jobs?cursor=%00%ff"), (400,), None),
    ("argument twice", get("/v1/jobs?limit=1&limit=2"), (200, 400), None),
    ("many arguments", get("/v1/jobs?" + "a&" * 600), CLIENT_FAULT, None),
    # methods, types
    ("unknown method", get("/v1/jobs").replace(b"GET", b"FROB"), (405, 501, 400), None),
    ("lower case", get("/v1/jobs").replace(b"GET", b"get"), (405, 501, 400), None),
    ("wrong method", get("/v1/schema").replace(b"GET", b"DELETE"), (405,), None),
    ("put", post({}).replace(b"POST", b"PUT"), (405,), None),
    ("trace", get("/v1/jobs").replace(b"GET", b"TRACE"), (405, 501), None),
    ("connect", get("localhost:80").replace(b"GET", b"CONNECT"), (400, 404, 405, 501), None),
    ("wrong type of body", post(b"a=b", kind="application/x-www-form-urlencoded"), (415,), None),
    ("text body", post({}, kind="text/plain"), (415,), None),
    ("body without type", post({}).replace(b"Content-Type: application/json\r\n", b""), (415,), None),
    ("wrong type of patch", post({}, path="/v1/jobs/j0000001", kind="text/plain").replace(
        b"POST", b"PATCH"), (404, 415), None),
    # identity
    ("foreign origin", post(specs.supervised(), headers=["Origin: http://evil.example"]), (403,), None),
    ("null origin", get("/v1/jobs", "Origin: null"), (403,), None),
    ("cross-site fetch", get("/v1/jobs", "Origin: http://evil.example",
                             "Sec-Fetch-Site: cross-site"), (403,), None),
    ("origin on delete", get("/v1/jobs/j0000001", "Origin: http://evil.example").replace(
        b"GET", b"DELETE"), (403,), None),
    # smuggling and the protocol
    ("no host", get("/v1/jobs", host=None), (400,), None),
    ("two hosts", get("/v1/jobs", "Host: other"), (400,), None),
    ("two lengths", request("POST", "/v1/jobs", ["Content-Type: application/json",
     "Content-Length: 2", "Content-Length: 3"], b"{} "), (400, CLOSED), None),
    ("two equal lengths", request("POST", "/v1/jobs", ["Content-Type: application/json",
     "Content-Length: 2", "Content-Length: 2"], b"{}"), (400, CLOSED), None),
    ("length and chunks", chunked(b"2\r\n{}\r\n0\r\n\r\n", headers=["Content-Length: 2"]),
     (400, CLOSED), None),
    ("identity encoding", request("POST", "/v1/jobs", ["Content-Type: application/json",
     "Transfer-Encoding: identity"], b"{}"), (400, 501, CLOSED), None),
    ("gzip, chunked", request("POST", "/v1/jobs", ["Content-Type: application/json",
     "Transfer-Encoding: gzip, chunked"], b"2\r\n{}\r\n0\r\n\r\n"), (400, 501, CLOSED), None),
    ("xchunked", request("POST", "/v1/jobs", ["Content-Type: application/json",
     "Transfer-Encoding: xchunked"], b"2\r\n{}\r\n0\r\n\r\n"), (400, 501, CLOSED), None),
    ("plus in a length", request("POST", "/v1/jobs", ["Content-Type: application/json",
     "Content-Length: +2"], b"{}"), CLIENT_FAULT, None),
    ("length of words", request("POST", "/v1/jobs", ["Content-Type: application/json",
     "Content-Length: two"], b"{}"), CLIENT_FAULT, None),
    ("negative length", request("POST", "/v1/jobs", ["Content-Type: application/json",
     "Content-Length: -2"], b"{}"), CLIENT_FAULT, None),
    ("length of 2^64", request("POST", "/v1/jobs", ["Content-Type: application/json",
     "Content-Length: 18446744073709551616"], b"{}"), CLIENT_FAULT, None),
    ("bad chunk size", chunked(b"zz\r\n{}\r\n0\r\n\r\n"), CLIENT_FAULT, None),
    ("chunk of 2^64", chunked(b"ffffffffffffffffff\r\n{}"), CLIENT_FAULT, None),
    ("space before the colon", get("/v1/jobs", "Accept : x"), (400,), None),
    ("header without colon", get("/v1/jobs", "nonsense"), CLIENT_FAULT, None),
    ("NUL in a header", get("/v1/jobs", "X: a\0b"), CLIENT_FAULT, None),
    ("NUL in the path", get("/v1/jo\0bs"), (*CLIENT_FAULT, 404), None),
    ("space in the path", get("/v1/jobs x"), CLIENT_FAULT, None),
    ("HTTP/2.0", get("/v1/jobs").replace(b"HTTP/1.1", b"HTTP/2.0"), CLIENT_FAULT, None),
    ("HTTP/0.9", b"GET /v1/jobs\r\n\r\n", CLIENT_FAULT, None),
    ("h2 preface", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", CLIENT_FAULT, None),
    ("noise", bytes(range(256)) * 4 + b"\r\n\r\n", CLIENT_FAULT, None),
    # sizes
    ("long URL", get("/v1/jobs?name=" + "x" * 3000), (414,), None),
    ("very long URL", get("/" + "x" * 60000), (414, 431, CLOSED), None),
    ("long header", get("/v1/jobs", "X: " + "x" * 60000), (431, CLOSED), None),
    ("many headers", get("/v1/jobs", *[f"X{i}: y" for i in range(3000)]), (431, CLOSED), None),
    ("body above 1 MiB", post(b" " * (1 << 20) + b"{}"), (413,), None),
    ("promise above 1 MiB", request("POST", "/v1/jobs", ["Content-Type: application/json",
     "Content-Length: 99999999999", "Connection: close"]), (413,), None),
    ("chunks above 1 MiB", chunked(*[b"10000\r\n" + b" " * 65536 + b"\r\n"] * 20, b"0\r\n\r\n"),
     (413, CLOSED), None),
    ("long id", get("/v1/jobs/" + "j" * 300), (404,), None),
    ("long key", post(specs.supervised(), headers=["Idempotency-Key: " + "k" * 5000]), (400, 422), None),
    ("empty key of idempotency", post(specs.supervised(), headers=["Idempotency-Key: "]), (400, 422),
     None),
    ("bad range", get("/v1/jobs/j0000001/checkpoints/best", "Range: bytes=9-1"), (200, 404, 416), None),
    ("negative wait", get("/v1/jobs/j0000001/stop?wait=-1").replace(b"GET", b"POST"), (400, 404), None),
    ("wait of words", get("/v1/jobs/j0000001/stop?wait=long").replace(b"GET", b"POST"), (400, 404), None),
]
