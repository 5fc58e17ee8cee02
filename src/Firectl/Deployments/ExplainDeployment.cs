using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using Firectl.Output;
using Stoker.Api.Problems;
using Stoker.Api.Resources;

namespace Firectl.Deployments;

/// <summary><c>firectl explain deployment NAME</c>: the last scaling decisions as a table, and the present one.</summary>
internal static class ExplainDeployment
{
    private static readonly Column[] Columns =
    [
        new("TIME", "time"), new("FROM", "previousReplicaCount"), new("TO", "desiredReplicaCount"), new("CAUSE", "cause"),
        new("QUEUED", "inputs.queuedRequests"), new("RUNNING", "inputs.runningRequests"), new("READY", "inputs.readyReplicaCount"),
        new("STARTING", "inputs.startingReplicaCount"), new("REASON", "reason"),
    ];

    public static Verb Build(Command command)
    {
        var name = DeploymentVerbs.NameArgument(command);
        var size = new Option<int>("--page-size") { Description = "Decisions to show, newest first, 200 at most", DefaultValueFactory = _ => 20 };
        command.Options.Add(size);
        return async (invocation, cancellation) =>
        {
            var most = invocation.Value(size);
            if (most is < 1 or > 200) throw new ProblemException(Problem.InvalidArgument($"--page-size must be from 1 to 200, was {most}"));
            var full = await name.OfAsync(invocation, cancellation);
            var path = string.Create(CultureInfo.InvariantCulture, $"v1/{full}:explain?pageSize={most}");
            var type = ServerConnection.Type<ExplainDeploymentResponse>();
            var answer = await invocation.Server.GetAsync(path, type, cancellation);
            var json = JsonSerializer.SerializeToNode(answer, type)!.AsObject();
            await invocation.Context.Output.WriteAsync(invocation.IsJson ? JsonOutput.Write(json) : Text(answer, json));
            return 0;
        };
    }

    private static string Text(ExplainDeploymentResponse answer, JsonObject json)
    {
        var rows = json["decisions"]!.AsArray().Select(row => row!.AsObject()).ToList();
        var now = answer.Now is { } look ? look.Reason : "not decided here: it is deleted, or another server controls it";
        var head = string.Create(
            CultureInfo.InvariantCulture,
            $"Deployment: {answer.Deployment}\nDesired Replica Count: {answer.DesiredReplicaCount}\nNow: {now}\n\n");
        return head + TableOutput.Write(rows, Columns, "Page 1 of 1", rows.Count);
    }
}
