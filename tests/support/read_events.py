"""Prints, as JSON, what TensorBoard itself reads of a log directory: scalars, and its table of
hyperparameters."""
import json
import logging
import sys

logging.disable(logging.CRITICAL)

from google.protobuf import json_format
from tensorboard import context
from tensorboard.backend.event_processing import data_provider, plugin_event_multiplexer
from tensorboard.plugins import base_plugin
from tensorboard.plugins.hparams import api_pb2, backend_context, get_experiment, list_session_groups

multiplexer = plugin_event_multiplexer.EventMultiplexer().AddRunsFromDirectory(sys.argv[1])
multiplexer.Reload()
provider = data_provider.MultiplexerDataProvider(multiplexer, sys.argv[1])
request = context.RequestContext()
scalars = {}
for run, tags in provider.list_scalars(request, experiment_id="x", plugin_name="scalars").items():
    for tag in tags:
        read = provider.read_scalars(
            request, experiment_id="x", plugin_name="scalars", downsample=1000,
            run_tag_filter=None,
        )[run][tag]
        scalars.setdefault(run, {})[tag] = [[point.step, point.value] for point in read]

table = backend_context.Context(base_plugin.TBContext(data_provider=provider))
experiment = get_experiment.Handler(request, table, "x", api_pb2.GetExperimentRequest()).run()
question = api_pb2.ListSessionGroupsRequest(start_index=0, slice_size=1000)
question.allowed_statuses.extend([
    api_pb2.STATUS_UNKNOWN, api_pb2.STATUS_SUCCESS, api_pb2.STATUS_FAILURE, api_pb2.STATUS_RUNNING,
])
for info in experiment.hparam_infos:
    question.col_params.add(hparam=info.name)
for info in experiment.metric_infos:
    question.col_params.add(metric=info.name)
groups = list_session_groups.Handler(request, table, "x", question).run()
print(json.dumps({
    "scalars": scalars,
    "experiment": json_format.MessageToDict(experiment),
    "groups": json_format.MessageToDict(groups),
}))
