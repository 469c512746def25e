"""Encoders: unit vectors of the right shape, by whatever name they go."""

import json
import subprocess
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import numpy as np
import pytest

from toolwright.encoders import STATIC, EncoderError, RemoteEncoder, StaticEncoder, load_encoder, minilm_folder, minilm_vocabulary, minilm_words
from toolwright.training.static_encoder import write_static
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


def test_a_static_encoder_is_the_sum_of_its_pieces(tmp_path):
    pieces = minilm_vocabulary()
    vectors = np.zeros((len(pieces), 4), dtype=np.float32)
    for word, vector in {"book": [1, 0, 0, 0], "room": [0, 1, 0, 0], "flight": [0, 0, 2, 0]}.items():
        vectors[pieces.index(word)] = vector
    folder = write_static(vectors, tmp_path / "static")
    encoder = load_encoder(str(folder))
    assert isinstance(encoder, StaticEncoder)
    assert encoder.dimension == 4
    found = encoder.encode(["Book room", "flight", "", "zzz"])
    assert found[0] == pytest.approx([0.5**0.5, 0.5**0.5, 0, 0], abs=0.01)
    assert found[1] == pytest.approx([0, 0, 1, 0], abs=0.01)
    assert np.linalg.norm(found, axis=1) == pytest.approx(np.ones(4))
    with pytest.raises(InputError, match=r"model\.safetensors"):
        StaticEncoder(tmp_path, "x")


def test_the_static_encoder_that_ships_selects_without_torch():
    program = """
import sys
from toolwright.selection import HybridSelector
from toolwright.types import Tool
tools = [Tool(name="book_room", description="Books a hotel room."), Tool(name="get_weather", description="Gives the weather of a city.")]
print(HybridSelector(encoder="static").fit(tools).select("will it rain in Rome", 1).names, "torch" in sys.modules, "transformers" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "['get_weather'] False False\n"
    assert sum(path.stat().st_size for path in STATIC.iterdir()) <= 16e6


@pytest.mark.slow
def test_static_vectors_are_distilled_tuned_and_resumed(tmp_path, monkeypatch):
    """In small: random vectors in MiniLM's place, a few pairs, four steps, cut after two."""
    from toolwright.training import static_encoder
    from toolwright.training.static_encoder import StaticSettings, train_static

    class Drawn:
        name, dimension = "drawn", 24

        def encode(self, texts):
            return np.stack([np.random.default_rng(abs(len(text) * 31 + ord((text or "x")[0]))).normal(size=24) for text in texts]).astype(np.float32)

    monkeypatch.setattr(static_encoder, "load_encoder", lambda name: Drawn())
    pairs = [(f"book room {i}", f"hotel: books room {i}") for i in range(30)]
    monkeypatch.setattr(static_encoder, "training_pairs", lambda settings: (pairs, pairs[::-1]))
    settings = StaticSettings(dimension=16, steps=4, batch=8, checkpoint_steps=2)
    whole = train_static(settings, tmp_path / "whole")

    def cut(stage, done, total):
        if (stage, done) == ("tune", 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train_static(settings, tmp_path / "cut", cut)
    again = train_static(settings, tmp_path / "cut")
    assert (again / "model.safetensors").read_bytes() == (whole / "model.safetensors").read_bytes()
    with pytest.raises(InputError, match="other settings"):
        train_static(StaticSettings(dimension=8), tmp_path / "cut")
