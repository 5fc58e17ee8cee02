using System.Globalization;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Storage;

namespace Stoker.ControlPlane.Metering;

/// <summary>The ledger as the wire shows it. A tick is 100 ns, which a double of seconds holds exactly enough.</summary>
public static class UsageWire
{
    public static DeploymentUsageResource ToResource(this UsageSoFar usage) => new()
    {
        AcceleratorSeconds = usage.AcceleratorTime.TotalSeconds,
        ReservedAcceleratorSeconds = usage.ReservedTime == TimeSpan.Zero ? null : usage.ReservedTime.TotalSeconds,
        ReplicaSeconds = usage.ReplicaTime.TotalSeconds,
    };

    public static DeploymentUseResource ToResource(this DeploymentUse use) => new()
    {
        Deployment = use.Deployment.ToString(),
        CreateTime = use.CreateTime,
        AcceleratorSeconds = use.Usage.AcceleratorTime.TotalSeconds,
        ReservedAcceleratorSeconds = use.Usage.ReservedTime == TimeSpan.Zero ? null : use.Usage.ReservedTime.TotalSeconds,
        ReplicaSeconds = use.Usage.ReplicaTime.TotalSeconds,
    };

    public static DayOfUseResource ToResource(this DayUsage usage) => new()
    {
        Day = usage.Day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
        AcceleratorType = usage.AcceleratorType,
        Region = usage.Region,
        Reserved = usage.Reserved,
        AcceleratorSeconds = usage.AcceleratorTime.TotalSeconds,
        ReplicaSeconds = usage.ReplicaTime.TotalSeconds,
    };

    public static ReplicaIntervalResource ToResource(this ReplicaInterval interval) => new()
    {
        Replica = interval.Replica.ToString(),
        State = interval.IsOpen ? "RUNNING" : "ENDED",
        StartTime = interval.StartTime,
        EndTime = interval.EndTime,
        AcceleratorType = interval.What.AcceleratorType,
        AcceleratorCount = interval.What.AcceleratorCount,
        Region = interval.What.Region,
        Reserved = interval.What.Reserved,
        AcceleratorSeconds = interval.AcceleratorTime.TotalSeconds,
        ReplicaSeconds = interval.Length.TotalSeconds,
    };

    public static VerifyUsageResponse Verified(LedgerReading ledger)
    {
        var findings = LedgerCheck.Verify(ledger);
        return new()
        {
            Consistent = findings.All(finding => finding.IsLate),
            EventCount = ledger.Events.Count,
            Findings = [.. findings.Select(finding => new UsageFindingResource(finding.Replica.ToString(), finding.Time, finding.IsLate, finding.Message))],
        };
    }
}
