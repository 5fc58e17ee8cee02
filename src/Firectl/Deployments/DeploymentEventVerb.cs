using System.CommandLine;
using System.Text.Json;
using Firectl.Output;
using Stoker.Api.Resources;

namespace Firectl.Deployments;

/// <summary><c>firectl deployment events DEPLOYMENT</c>: what happened to it, the oldest first.</summary>
internal static class DeploymentEventVerb
{
    private static readonly Column[] Columns = [new("TIME", "eventTime"), new("SEVERITY", "severity"), new("REASON", "reason"), new("MESSAGE", "message")];

    public static Verb Build(Command command)
    {
        var name = DeploymentVerbs.NameArgument(command);
        return async (invocation, cancellation) =>
        {
            var type = ServerConnection.Type<ListDeploymentEventsResponse>();
            var path = $"v1/{await name.OfAsync(invocation, cancellation)}:events";
            if (invocation.IsDryRun) return await invocation.WriteRequestAsync(HttpMethod.Get, path);
            var answer = JsonSerializer.SerializeToNode(await invocation.Server.GetAsync(path, type, cancellation), type)!.AsObject();
            var rows = answer["events"]!.AsArray().Select(item => item!.AsObject()).ToList();
            await invocation.Context.Output.WriteAsync(invocation.IsJson
                ? JsonOutput.Write(answer)
                : TableOutput.Write(rows, Columns, "Page 1 of 1", rows.Count));
            return 0;
        };
    }
}
