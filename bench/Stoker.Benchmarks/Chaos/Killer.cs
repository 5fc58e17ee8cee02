using Stoker.Benchmarks.Replicas;

namespace Stoker.Benchmarks.Chaos;

/// <summary>What is killed.</summary>
internal enum KillKind
{
    Server,

    /// <summary>The server that was just started, wherever it is.</summary>
    StartingServer,
    StartingReplica,
    ReadyReplica,
    DrainingReplica,

    /// <summary>A replica whose server was just killed: nobody sees its end.</summary>
    UnwatchedReplica,
}

/// <summary>
/// Kills with SIGKILL at points that the seed chooses: after so many steps of progress and a short wait, so that it falls
/// into the middle of creates, starts, updates, drains and deletions.
/// </summary>
internal sealed class Killer(ChaosServer server, ReplicaWatch watch, Progress progress, Chronicle chronicle, Random random, TimeSpan patience)
{
    /// <summary>When nothing moves any more: the next kill makes it move.</summary>
    private static readonly TimeSpan Stillness = TimeSpan.FromSeconds(2);

    private const string Draining = "DRAINING";

    private readonly Dictionary<KillKind, int> _kills = [];

    public IReadOnlyDictionary<KillKind, int> Kills => _kills;

    public int Total => _kills.Values.Sum();

    public async Task RunAsync(int until, CancellationToken cancellation)
    {
        while (Total < until)
        {
            await progress.AfterAsync(random.Next(1, 8), Stillness, cancellation);
            await PauseAsync(150, cancellation);
            if (random.Next(2) == 0) await KillServerAsync(until, cancellation);
            else await KillReplicaAsync((KillKind)random.Next((int)KillKind.StartingReplica, (int)KillKind.UnwatchedReplica), cancellation);
        }
    }

    private async Task KillServerAsync(int until, CancellationToken cancellation)
    {
        await (random.Next(4) switch
        {
            0 => Task.CompletedTask,
            1 => DrainAsync(cancellation),
            _ => NextRequestAsync(cancellation),
        });
        await server.KillAsync();
        Count(KillKind.Server);
        await PauseAsync(300, cancellation);
        if (Total < until && random.Next(3) == 0 && Pick(_ => true) is { } replica)
        {
            Kill(replica);
            Count(KillKind.UnwatchedReplica);
        }

        server.Start();
        if (Total < until && random.Next(3) == 0)
        {
            await PauseAsync(1200, cancellation); // in its start, or soon after
            await server.KillAsync();
            Count(KillKind.StartingServer);
            server.Start();
        }

        await server.ListenAsync(patience);
        progress.Step();
    }

    /// <summary>Into the middle of a request: most take less than ten milliseconds.</summary>
    private async Task NextRequestAsync(CancellationToken cancellation)
    {
        var (asked, begun) = (server.Asked, TimeProvider.System.GetTimestamp());
        while (server.Asked == asked && TimeProvider.System.GetElapsedTime(begun) < Stillness) await Task.Yield();
        if (random.Next(2) == 0) await PauseAsync(10, cancellation);
    }

    /// <summary>Until some replica drains.</summary>
    private async Task DrainAsync(CancellationToken cancellation)
    {
        var begun = TimeProvider.System.GetTimestamp();
        while (Pick(life => life.State == Draining) is null && TimeProvider.System.GetElapsedTime(begun) < Stillness) await PauseAsync(20, cancellation);
    }

    /// <summary>One of the wanted kind; any where there is none.</summary>
    private async Task KillReplicaAsync(KillKind wanted, CancellationToken cancellation)
    {
        if (wanted == KillKind.DrainingReplica) await DrainAsync(cancellation);
        var state = wanted switch { KillKind.ReadyReplica => "READY", KillKind.DrainingReplica => Draining, _ => "" };
        var picked = Pick(life => state.Length > 0 ? life.State == state : life.ReadyAt is null);
        if ((picked ?? Pick(_ => true)) is not { } replica) return;
        var found = watch.Lives[replica.Id];
        Kill(replica);
        Count(found switch
        {
            { State: Draining } => KillKind.DrainingReplica,
            { ReadyAt: null } => KillKind.StartingReplica,
            _ => KillKind.ReadyReplica,
        });
    }

    private void Kill(RunningReplica replica)
    {
        replica.Kill();
        chronicle.Note(replica.Id, "killed");
    }

    private RunningReplica? Pick(Func<ReplicaLife, bool> fits)
    {
        var fitting = watch.Living.Where(living => fits(living.Life) && living.Process.IsAlive).OrderBy(living => living.Life.AliveAt).ThenBy(living => living.Process.Id).ToList();
        return fitting.Count == 0 ? null : fitting[random.Next(fitting.Count)].Process;
    }

    private void Count(KillKind kind) => _kills[kind] = _kills.GetValueOrDefault(kind) + 1;

    private Task PauseAsync(int mostMilliseconds, CancellationToken cancellation) =>
        Task.Delay(TimeSpan.FromMilliseconds(random.Next(mostMilliseconds)), TimeProvider.System, cancellation);
}
