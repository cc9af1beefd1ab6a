"""Vendors for the pictures: a door each in front of one demo vendor (`tidegate demo`), with names of models as people know them.

A door lists its models, refuses keys that it does not know, and hands the rest on with `demo-` before the model's name.
"""

import http.client
import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

# By port behind the first: formats' lists of models, and who may come.
DOORS = {
    "anthropic": ["claude-opus-5-5", "claude-sonnet-5-5", "claude-sonnet-4-6", "claude-haiku-5-5", "claude-haiku-4-5"],
    "openai": ["gpt-5.5", "gpt-5.4-mini", "gpt-5.4-nano", "gpt-5.3-codex", "gpt-5.2", "gpt-5.1", "text-embedding-3-small"],
    "google": ["gemini-3.1-pro-preview", "gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite"],
    "openrouter": ["anthropic/claude-sonnet-5.5", "openai/gpt-5.5", "qwen/qwen3-coder", "moonshotai/kimi-k2", "z-ai/glm-4.6"],
    "deepseek": ["deepseek-v3.2", "deepseek-r2"],
    "office-gpu": ["qwen3-coder", "qwen3-32b", "bge-m3"],
    "groq": ["llama-4-maverick", "kimi-k2", "qwen3-32b", "gpt-oss-120b"],
}
REFUSED_KEY = "sk-revoked-last-week"
# What the demo vendor is told to say to what is asked in the pictures.
ANSWERS = {
    "Why are the tides highest at new moon?": "At new moon the sun and the moon stand on the same side of the earth and pull along one line. Their tides add up to a "
    "spring tide: high water is higher, and low water lower, than in the weeks between. The same happens at full moon, when they pull from opposite sides.",
}
HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive", "host"}


def door(name: str, demo_port: int) -> type[BaseHTTPRequestHandler]:
    class Door(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def answer(self, status: int, said: object):
            body = json.dumps(said).encode()
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def may_not(self) -> bool:
            said = " ".join(self.headers.get(header, "") for header in ("authorization", "x-api-key", "x-goog-api-key"))
            if name == "office-gpu" or ("sk-" in said and REFUSED_KEY not in said):
                return False
            self.answer(401, {"error": {"type": "authentication_error", "code": "invalid_api_key", "message": "Incorrect API key provided."}})
            return True

        def do_GET(self):
            if self.may_not():
                return
            if name == "google":
                self.answer(200, {"models": [{"name": f"models/{one}", "supportedGenerationMethods": ["generateContent"]} for one in DOORS[name]]})
            elif name == "anthropic":
                self.answer(200, {"data": [{"type": "model", "id": one, "display_name": one} for one in DOORS[name]], "has_more": False})
            else:
                self.answer(200, {"object": "list", "data": [{"id": one, "object": "model", "owned_by": name} for one in DOORS[name]]})

        def do_POST(self):
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            if self.may_not():
                return
            path, model = self.path, ""
            if "/models/" in path:
                model = path.split("/models/")[1].split(":")[0]
                path = path.replace("/models/", "/models/demo-", 1)
            else:
                said = json.loads(body)
                model = said["model"]
                said["model"] = f"demo-{model}"
                body = json.dumps(said).encode()
            for question, told in ANSWERS.items():
                body = body.replace(json.dumps(question).encode(), json.dumps(f"say: {told}").encode())
            headers = {key: value for key, value in self.headers.items() if key.lower() not in HOP_BY_HOP}
            self.hand_on(path, headers, body, model.encode())

        def hand_on(self, path: str, headers: dict, body: bytes, model: bytes):
            self.close_connection = True
            behind = http.client.HTTPConnection("127.0.0.1", demo_port, timeout=60)
            try:
                behind.request("POST", path, body, headers | {"accept-encoding": "identity"})
                answer = behind.getresponse()
                # A vendor that refuses has thought about it.
                time.sleep({529: 0.38, 429: 0.07}.get(answer.status, 0.16) if answer.status >= 400 else 0)
                self.send_response(answer.status)
                for key, value in answer.getheaders():
                    if key.lower() not in HOP_BY_HOP:
                        self.send_header(key, value)
                self.send_header("transfer-encoding", "chunked")
                self.send_header("connection", "close")
                self.end_headers()
                while piece := answer.read1(65536):
                    piece = piece.replace(b"demo-" + model, model)
                    self.wfile.write(b"%x\r\n%s\r\n" % (len(piece), piece))
                self.wfile.write(b"0\r\n\r\n")
            except (OSError, http.client.HTTPException):
                # The demo vendor broke off, and so does its door.
                time.sleep(0.1)
            finally:
                behind.close()

    return Door


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128

    def handle_error(self, *_):
        """Who asks may leave."""


def open_doors(first_port: int, demo_port: int) -> dict[str, int]:
    """Opens them all, from this port on. Returns each one's port."""
    ports = {}
    for port, name in enumerate(DOORS, first_port):
        server = Server(("127.0.0.1", port), door(name, demo_port))
        threading.Thread(target=server.serve_forever, daemon=True).start()
        ports[name] = port
    return ports
