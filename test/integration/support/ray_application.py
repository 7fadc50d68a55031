"""A small application of Ray Serve that answers as OpenAI's API does, and tells what vLLM tells through Ray."""

from ray import serve
from ray.util.metrics import Gauge
from starlette.requests import Request
from starlette.responses import JSONResponse


@serve.deployment(ray_actor_options={"num_cpus": 0.1})
class Engine:
    def __init__(self, model: str):
        self.model = model
        replica = serve.get_replica_context().replica_id.unique_id
        tags = {"model_name": model, "ReplicaId": replica}
        # By the length of its name, so that others can be told from it.
        for name, value in {"running": len(model), "waiting": 0}.items():
            gauge = Gauge(f"vllm_num_requests_{name}", tag_keys=tuple(tags))
            gauge.set_default_tags(tags)
            gauge.set(value)

    async def __call__(self, request: Request) -> JSONResponse:
        path = request.url.path
        if path.endswith("/v1/models"):
            model = {"id": self.model, "object": "model"}
            return JSONResponse({"object": "list", "data": [model]})
        if path.endswith("/v1/chat/completions"):
            body = await request.json()
            said = body["messages"][-1]["content"]
            message = {"role": "assistant", "content": f"you said {said}"}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            return JSONResponse({"object": "chat.completion", "model": self.model, "choices": [choice]})
        return JSONResponse({"status": "ok"})


def build(args: dict) -> object:
    return Engine.bind(args["model"])
