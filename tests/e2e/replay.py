"""Recorded requests, made again of our centrals."""

import json
import re

from standing import row

# Of pages of another origin.
HEADERS = {
    "cors_simple": {"Origin": "http://page.example"},
    "cors_preflight": {"Origin": "http://page.example", "Access-Control-Request-Method": "PUT",
                       "Access-Control-Request-Headers": "content-type"},
}


class Replay:
    """The centrals, and which visit each exchange made."""

    def __init__(self, mesh):
        self.centrals = {central.name: central for central in mesh.centrals}
        self.first = mesh.centrals[0].ip
        self.made, self.rows = {}, {}

    def here(self, text):
        """Centrals and cameras were at 127.0.0.1, .2 and so on; ours have a network of their own."""
        network, first = self.first.rsplit(".", 1)
        return re.sub(r"127\.0\.0\.(\d+)",
                      lambda ip: "%s.%d" % (network, int(first) - 1 + int(ip[1])), text)

    def ask(self, exchange):
        central, path = self.centrals[exchange["node"]], exchange["path"]
        if "row_of" in exchange:
            visit = (central, exchange["row_of"])
            if visit not in self.rows:
                self.rows[visit] = row(central, self.made.get(exchange["row_of"]))["id"]
            path = re.sub(r"\d+$", str(self.rows[visit]), path)
        body = None
        if "body" in exchange:
            body = self.here(json.dumps(exchange["body"], ensure_ascii=False)).encode()
        elif "raw" in exchange:
            body = exchange["raw"].encode()
        headers = dict(HEADERS.get(exchange["name"], {}))
        if body is not None:
            headers["Content-Type"] = "application/json"
        answer = central.request(exchange["method"], self.here(path), body, headers)
        if isinstance(answer.json, dict) and answer.json.get("event_id"):
            self.made.setdefault(exchange["name"], answer.json["event_id"])
        return answer
