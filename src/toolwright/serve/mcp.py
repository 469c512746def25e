"""The world over the Model Context Protocol: its tools, listed and really called, for any agent that speaks MCP.

What a tool refuses comes back as a result with `isError`, as the protocol wants it, so that a model can read and mend it; a tool that does not exist is a
protocol error. Effects are told as annotations: reading, adding, destroying.
"""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server
from mcp.shared.exceptions import MCPError
from mcp_types import INVALID_PARAMS, CallToolRequestParams, CallToolResult, ListToolsResult, PaginatedRequestParams, TextContent
from mcp_types import Tool as McpTool

from toolwright import __version__
from toolwright.schema import write_tool
from toolwright.types import Tool, ToolCall
from toolwright.world.engine import World

# What a tool's effect means to an MCP client.
READS = {"readOnlyHint": True}
ADDS = {"readOnlyHint": False, "destructiveHint": False}
CHANGES = {"readOnlyHint": False, "destructiveHint": True}
ANNOTATIONS = {"read": READS, "search": READS, "compute": READS, "create": ADDS, "update": CHANGES, "transition": CHANGES, "delete": CHANGES}


def mcp_tool(tool: Tool) -> McpTool:
    """A tool of the world as MCP lists it."""
    form = write_tool(tool.model_copy(update={"extras": {}}), "mcp")
    hints = {"annotations": {**ANNOTATIONS[tool.extras["effect"]], "openWorldHint": False}}
    return McpTool.model_validate({**form, **hints})


def world_server(world: World) -> Server[Any]:
    """An MCP server of a world's tools. Every call runs on the world, once, under an id of its own."""
    listed = ListToolsResult(tools=[mcp_tool(tool) for tool in world.tools.values()])

    async def list_tools(_context: Any, _params: PaginatedRequestParams | None) -> ListToolsResult:
        return listed

    async def call_tool(_context: Any, params: CallToolRequestParams) -> CallToolResult:
        if params.name not in world.tools:
            raise MCPError(INVALID_PARAMS, f"unknown tool {params.name!r}; tools/list names the {len(world.tools)} there are")
        result = world.call(ToolCall(id=uuid4().hex, name=params.name, arguments=params.arguments or {}))
        text = TextContent(text=json.dumps(result.content, ensure_ascii=False))
        if result.error is not None:
            return CallToolResult(content=[text], is_error=True)
        return CallToolResult(content=[text], structured_content=result.content)

    names = ", ".join(domain.domain for domain in world.domains)
    about = f"Made-up services whose tools have real effects: {names}."
    return Server("toolwright-world", version=__version__, instructions=about, on_list_tools=list_tools, on_call_tool=call_tool)


async def serve_stdio(world: World) -> None:
    """Serve the world's tools on standard input and output until the client goes."""
    server = world_server(world)
    async with stdio_server() as (reader, writer):
        await server.run(reader, writer, server.create_initialization_options())
