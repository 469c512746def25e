"""Encoders: unit vectors of the right shape, by whatever name they go."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from toolwright.encoders import EncoderError, RemoteEncoder, load_encoder, minilm_folder, minilm_vocabulary, minilm_words
from toolwright.types import InputError


def test_minilm_gives_unit_vectors_in_which_likeness_shows():
    encoder = load_encoder("minilm")
    vectors = encoder.encode(["book a room", "reserve a room in a hotel", "the price of steel"])
    assert vectors.shape == (3, encoder.dimension) == (3, 384)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(3), abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.3
    assert encoder.encode([]).shape == (0, 384)
    assert load_encoder("minilm") is encoder


def test_a_folder_is_loaded_by_its_path():
    by_path = load_encoder(str(minilm_folder()))
    assert by_path.encode(["book a room"]) == pytest.approx(load_encoder("minilm").encode(["book a room"]))


@pytest.mark.parametrize("name", ["nothing", "http://localhost/v1", "no/such/folder"])
def test_other_names_are_wrong_input(name):
    with pytest.raises(InputError, match="encoder"):
        load_encoder(name)


def test_a_folder_of_something_else_is_wrong_input(tmp_path):
    with pytest.raises(InputError, match=r"modules\.json"):
        load_encoder(str(tmp_path))


def test_vocabulary_and_words():
    assert len(minilm_vocabulary()) == 30522
    assert {"room", "price"} <= set(minilm_words()[:3000])
    assert "[CLS]" not in minilm_words()


@pytest.fixture
def server():
    """A server that speaks OpenAI's embeddings: each text becomes (its length, 1), the rows come in the wrong order."""
    asked = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append((self.path, self.headers["Authorization"], body))
            rows = [{"index": i, "embedding": [len(text), 1]} for i, text in enumerate(body["input"])]
            answer = json.dumps({"data": rows[::-1]} if body["model"] == "good" else {"error": "no such model"}).encode()
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_):
            pass

    listening = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{listening.server_port}/v1", asked
    listening.shutdown()
    listening.server_close()
    thread.join()


def test_a_server_is_asked_in_batches(server, monkeypatch):
    url, asked = server
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    encoder = RemoteEncoder(url, "good", batch=2)
    vectors = encoder.encode(["a", "abc", "abcdefg"])
    assert vectors == pytest.approx(np.array([[1, 1], [3, 1], [7, 1]]) / np.sqrt([[2], [10], [50]]), abs=1e-6)
    assert encoder.dimension == 2
    assert asked[0] == ("/v1/embeddings", "Bearer secret", {"model": "good", "input": ["a", "abc"]})


def test_a_server_that_gives_nothing_is_an_error(server):
    url, _ = server
    with pytest.raises(EncoderError, match="KeyError"):
        load_encoder(f"{url}#other").encode(["a"])
    with pytest.raises(EncoderError, match="ConnectError"):
        RemoteEncoder("http://127.0.0.1:9/v1", "good").encode(["a"])


def test_token_vectors_are_unit_vectors_in_which_likeness_shows():
    encoder = load_encoder("minilm-tokens")
    vectors = encoder.encode(["book a room", "reserve a room in a hotel", "the price of steel", ""])
    assert vectors.shape == (4, encoder.dimension)
    assert np.linalg.norm(vectors, axis=1) == pytest.approx(np.ones(4), abs=1e-5)
    assert vectors[0] @ vectors[1] > vectors[0] @ vectors[2] + 0.2
