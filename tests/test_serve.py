"""The world over MCP, through a real client: in this process, and through the command on standard input and output."""

import json
import os
import sys

import anyio
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError

from toolwright.schema import read_tool
from toolwright.serve.mcp import mcp_tool, world_server


def test_tools_are_listed_as_they_are_declared(world):
    async def listed():
        async with Client(world_server(world)) as client:
            return (await client.list_tools()).tools

    tools = {tool.name: tool for tool in anyio.run(listed)}
    assert tools.keys() == world.tools.keys()
    for name, tool in world.tools.items():
        back = read_tool(tools[name].model_dump(by_alias=True, exclude_none=True))
        assert (back.description, back.parameters, back.returns) == (tool.description, tool.parameters, tool.returns)
    assert mcp_tool(world.tools["cancel_booking"]).annotations.destructive_hint


def test_calls_have_effects_and_refusals_are_results(world):
    booking = world.rows("SELECT booking_id FROM hotel_booking WHERE status = 'confirmed' LIMIT 1")[0]["booking_id"]

    async def talk():
        async with Client(world_server(world)) as client:
            first = await client.call_tool("cancel_booking", {"booking_id": booking})
            second = await client.call_tool("cancel_booking", {"booking_id": booking})
            with pytest.raises(MCPError, match="unknown tool 'fly'"):
                await client.call_tool("fly", {})
            return first, second

    first, second = anyio.run(talk)
    assert not first.is_error
    assert json.loads(first.content[0].text) == first.structured_content
    assert second.is_error
    assert json.loads(second.content[0].text)["error"]["type"] == "conflict"
    assert world.rows("SELECT status FROM hotel_booking WHERE booking_id = :id", {"id": booking}) == [{"status": "cancelled"}]


@pytest.mark.slow
def test_the_command_serves_chosen_domains_and_keeps_their_world(tmp_path):
    arguments = ["-m", "toolwright.cli.main", "mcp", "--world", "hotel", "--database", str(tmp_path / "world.sqlite")]
    server = StdioServerParameters(command=sys.executable, args=arguments, env=dict(os.environ))

    async def ask(name, arguments):
        async with Client(stdio_client(server)) as client:
            assert len((await client.list_tools()).tools) == 26
            return (await client.call_tool(name, arguments)).structured_content

    guest = anyio.run(ask, "register_guest", {"name": "Ada Quell", "email": "ada.quell@example.org"})
    found = anyio.run(ask, "get_guest_profile", {"guest_id": guest["guest_id"]})
    assert found["name"] == "Ada Quell"


def test_an_unknown_domain_is_one_line(monkeypatch, capsys):
    from toolwright.cli.main import main

    monkeypatch.setattr(sys, "argv", ["toolwright", "mcp", "--world", "hotel,nowhere"])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert "--world: got 'nowhere'; allowed: " in capsys.readouterr().err
