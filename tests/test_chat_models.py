"""Chat models: a server's answers and refusals, a local model in its own template, the script."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from toolwright.cli.models import open_chat_model
from toolwright.data.render import parse_calls, prompt_ids
from toolwright.models.chat import ModelError
from toolwright.models.local import load_model
from toolwright.models.local_chat import LocalModel
from toolwright.models.remote import RemoteModel
from toolwright.types import InputError, Message, Tool

TOOL = Tool(
    name="find_guest", description="Finds a guest.", parameters={"type": "object", "properties": {"name": {"type": "string"}}}, returns={"type": "object"}
)
ASKED = [Message(role="user", content="Find Ann.")]


@pytest.fixture
def server():
    """A server that speaks OpenAI's chat completions; what it answers depends on the model asked for."""
    asked = []
    called = [{"id": "c1", "type": "function", "function": {"name": "find_guest", "arguments": '{"name": "Ann"}'}}]
    answers = {
        "good": (
            200,
            {
                "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Found."}}],
                "usage": {"prompt_tokens": 7, "completion_tokens": 2},
            },
        ),
        "calls": (200, {"choices": [{"index": 0, "finish_reason": "tool_calls", "message": {"role": "assistant", "content": None, "tool_calls": called}}]}),
        "broken": (200, {"choices": []}),
        "refuses": (400, {"error": {"message": "no such model"}}),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.path, body))
            status, answer = answers[body["model"]]
            written = json.dumps({"id": "x", "object": "chat.completion", "created": 0, "model": body["model"], **answer}).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(written)))
            self.end_headers()
            self.wfile.write(written)

        def log_message(self, *_):
            pass

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1", asked
    server.shutdown()
    server.server_close()


def test_a_server_is_asked_in_its_form_and_its_answer_read(server):
    url, asked = server
    reply = open_chat_model(f"{url}#good").chat(ASKED, [TOOL], schema={"type": "object"}, max_tokens=9)
    assert (reply.text, reply.tokens) == ("Found.", 9)
    path, body = asked[0]
    assert path == "/v1/chat/completions"
    assert body["tools"] == [{"type": "function", "function": {"name": TOOL.name, "description": TOOL.description, "parameters": TOOL.parameters}}]
    assert body["response_format"]["json_schema"]["schema"] == {"type": "object"}
    assert (body["temperature"], body["max_tokens"]) == (0, 9)


def test_a_servers_calls_are_read(server):
    call = RemoteModel(server[0], "calls").chat(ASKED, [TOOL]).message.tool_calls[0]
    assert (call.id, call.name, call.arguments) == ("c1", "find_guest", {"name": "Ann"})


@pytest.mark.parametrize("model", ["broken", "refuses"])
def test_what_a_server_refuses_or_garbles_is_an_error(server, model):
    with pytest.raises(ModelError, match=f"#{model}"):
        RemoteModel(server[0], model, retries=0).chat(ASKED)


def test_a_server_that_is_not_there_is_an_error():
    with pytest.raises(ModelError, match="Connection"):
        RemoteModel("http://127.0.0.1:9/v1", "m", seconds=2, retries=0).chat(ASKED)


def test_a_server_without_a_model_is_wrong_input():
    with pytest.raises(InputError, match="names no model"):
        open_chat_model("http://127.0.0.1:9/v1")


def test_a_local_model_answers_in_its_own_template(tiny_model):
    lm = load_model(str(tiny_model))
    seen = []

    def prompt(tokenizer, messages, tools):
        seen.append(prompt_ids(tokenizer, messages, tools))
        return seen[-1]

    model = LocalModel(lm, prompt, parse_calls)
    reply = model.chat(ASKED, [TOOL], max_tokens=4)
    assert reply.prompt_tokens == len(seen[0])
    assert "find_guest" in lm.tokenizer.decode(seen[0])
    called = LocalModel(lm, prompt, lambda text: parse_calls('Well. <tool_call>\n{"name": "find_guest", "arguments": {"name": "Ann"}}\n</tool_call>'))
    assert called.chat(ASKED, [TOOL], max_tokens=4).message.tool_calls[0].arguments == {"name": "Ann"}
    with pytest.raises(ModelError, match="more than the"):
        model.chat(ASKED, max_tokens=10_000_000)
