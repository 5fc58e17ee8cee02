using System.CommandLine;
using System.Text.Json;
using Firectl.Output;
using Stoker.Api.Resources;

namespace Firectl.Deployments;

/// <summary><c>firectl usage|verify-usage deployment</c>, <c>firectl usage account</c>: accelerator seconds, and the proof that they add up.</summary>
internal static class DeploymentUsage
{
    /// <summary>The exit status for a ledger that contradicts itself: that is an error inside the server.</summary>
    private const int Inconsistent = 1;

    private static readonly Column[] DayColumns =
    [
        new("DAY", "day"), new("ACCELERATOR", "acceleratorType"), new("REGION", "region"), new("RESERVED", "reserved"),
        new("ACCELERATOR SECONDS", "acceleratorSeconds"), new("REPLICA SECONDS", "replicaSeconds"),
    ];

    private static readonly Column[] IntervalColumns =
    [
        new("REPLICA", "replica"), new("STATE", "state"), new("START TIME", "startTime"), new("END TIME", "endTime"),
        new("ACCELERATOR", "acceleratorType"), new("COUNT", "acceleratorCount"), new("REGION", "region"), new("RESERVED", "reserved"),
        new("ACCELERATOR SECONDS", "acceleratorSeconds"),
    ];

    private static readonly Column[] UseColumns =
    [
        new("DEPLOYMENT", "deployment"), new("CREATE TIME", "createTime"), new("ACCELERATOR SECONDS", "acceleratorSeconds"),
        new("RESERVED", "reservedAcceleratorSeconds"), new("REPLICA SECONDS", "replicaSeconds"),
    ];

    public static Verb BuildOfAccount(Command command)
    {
        var listing = new Listing();
        listing.AddTo(command);
        return async (invocation, cancellation) => await listing.WriteAsync(
            invocation, $"v1/{await invocation.AccountAsync(cancellation)}/usage", "usage", ServerConnection.Type<ListUsageResponse>(), UseColumns, cancellation);
    }

    public static Verb Build(Command command)
    {
        var (name, listing) = (DeploymentVerbs.NameArgument(command), new Listing());
        var intervals = new Option<bool>("--intervals") { Description = "Replica by replica instead of by day" };
        listing.AddTo(command);
        command.Options.Add(intervals);
        return async (invocation, cancellation) =>
        {
            var path = $"v1/{await name.OfAsync(invocation, cancellation)}";
            return invocation.Value(intervals)
                ? await listing.WriteAsync(
                    invocation, $"{path}:intervals", "intervals", ServerConnection.Type<ListReplicaIntervalsResponse>(), IntervalColumns, cancellation)
                : await listing.WriteAsync(invocation, $"{path}:usage", "days", ServerConnection.Type<ListDaysOfUseResponse>(), DayColumns, cancellation);
        };
    }

    public static Verb BuildVerify(Command command)
    {
        var name = DeploymentVerbs.NameArgument(command);
        return async (invocation, cancellation) =>
        {
            var (path, type) = ($"v1/{await name.OfAsync(invocation, cancellation)}:verifyUsage", ServerConnection.Type<VerifyUsageResponse>());
            var answer = await invocation.Server.GetAsync(path, type, cancellation);
            await invocation.WriteAsync(JsonSerializer.SerializeToNode(answer, type)!.AsObject());
            return answer.Consistent ? 0 : Inconsistent;
        };
    }
}
