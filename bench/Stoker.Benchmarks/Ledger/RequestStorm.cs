using Microsoft.Extensions.Logging.Abstractions;
using Stoker.Api.Names;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Metering;
using Stoker.ControlPlane.Storage;

namespace Stoker.Benchmarks.Ledger;

/// <summary>What a storm is made of.</summary>
/// <param name="Cancelled">Share of the requests that their clients leave.</param>
/// <param name="Failed">Share of those that the engine fails.</param>
/// <param name="Kills">Gateways that are killed, each at a step of its own.</param>
internal sealed record StormSettings(int Seed, int Requests, int Kills, double Cancelled = 0.2, double Failed = 0.05, int Clients = 32);

/// <summary>
/// Random requests through the token ledger of gateways that are killed at its fault points, one after the other, on one
/// store: what the engine did is known here, and what each client saw.
/// </summary>
internal sealed class RequestStorm(StormSettings settings, SqliteDatabase database, DataDirectory data)
{
    private static readonly Principal Caller = new(AccountName.Parse("accounts/storm", null), UserName.Parse("accounts/storm/users/one"), Role.User, "k1", IsOperator: false);
    private static readonly DeploymentName Deployment = DeploymentName.Parse("accounts/storm/deployments/d", null);
    private static readonly ModelName Model = ModelName.Parse("accounts/fireworks/models/m");

    private readonly Lock _gate = new();
    private readonly Random _random = new(settings.Seed);
    private readonly StormTruth[] _truths = new StormTruth[settings.Requests];
    private int _next;

    /// <summary>The steps at which gateways were killed.</summary>
    public Dictionary<RequestStep, int> KilledAt { get; } = [];

    /// <summary>What each request was, in the order in which they came.</summary>
    public IReadOnlyList<StormTruth> Truths => _truths;

    /// <summary>Until every request has been sent once; what a killed gateway had begun is settled by the one after it.</summary>
    public async Task RunAsync()
    {
        var each = settings.Requests / (settings.Kills + 1);
        for (var kill = 0; kill < settings.Kills; kill++)
        {
            // A request passes three steps and, with others, three of its group: all kills are over before the requests are.
            await GatewayAsync(killAfter: 1 + _random.Next(each * 3));
        }

        await GatewayAsync(killAfter: 0);
    }

    private async Task GatewayAsync(int killAfter)
    {
        var gateway = new StormGateway(database, data, killAfter);
        try
        {
            await gateway.Ledger.SettleLostAsync(CancellationToken.None);
            await Task.WhenAll(Enumerable.Range(0, settings.Clients).Select(_ => Task.Run(() => ClientAsync(gateway))));
        }
        finally
        {
            if (gateway.KilledAt is { } step) KilledAt[step] = KilledAt.GetValueOrDefault(step) + 1;
            await gateway.DisposeAsync();
        }
    }

    private async Task ClientAsync(StormGateway gateway)
    {
        while (!gateway.IsDead && Next() is { } truth)
        {
            try
            {
                var open = gateway.Ledger.Begin(truth.Id, "same for all", Caller, Deployment, Model, addon: null);
                truth.Begun = true;
                await Task.Yield(); // the engine works
                open.Answered();
                await open.EndAsync(truth.Status, truth.Status == RequestStatus.Finished ? "" : "STORM", truth.Tokens);
                truth.Seen = true;
            }
            catch (Exception error) when (gateway.IsDead || error is StormKillException)
            {
                return; // its connection is gone
            }
        }
    }

    private StormTruth? Next()
    {
        lock (_gate)
        {
            if (_next == settings.Requests) return null;
            var (draw, prompt, generated, drafted) = (_random.NextDouble(), _random.Next(1, 4000), _random.Next(1, 2000), _random.Next(1000));
            var status = draw < settings.Cancelled ? RequestStatus.Cancelled : draw < settings.Cancelled + settings.Failed ? RequestStatus.Failed : RequestStatus.Finished;
            var tokens = new RequestTokens(prompt, _random.Next(prompt + 1), generated, drafted, _random.Next(drafted + 1));
            return _truths[_next++] = new(Guid.CreateVersion7().ToString("N"), status, tokens);
        }
    }
}

/// <summary>What really became of a request.</summary>
internal sealed class StormTruth(string id, RequestStatus status, RequestTokens tokens)
{
    public string Id => id;

    /// <summary>By the engine.</summary>
    public RequestStatus Status => status;

    public RequestTokens Tokens => tokens;

    /// <summary>A replica got it.</summary>
    public bool Begun { get; set; }

    /// <summary>Its client saw the end.</summary>
    public bool Seen { get; set; }
}

/// <summary>The process died here.</summary>
internal sealed class StormKillException : Exception;

/// <summary>One gateway's ledger; from the kill on nothing of it has any effect.</summary>
internal sealed class StormGateway : IAsyncDisposable
{
    private readonly RequestFaults _faults = new();
    private int _left;
    private volatile bool _isDead;

    /// <param name="killAfter">Steps until it is killed; 0 for never.</param>
    public StormGateway(SqliteDatabase database, DataDirectory data, int killAfter)
    {
        _left = killAfter;
        Ledger = new(new DyingStore(new SqliteRequestStore(database), this), data, _faults, TimeProvider.System, NullLogger<RequestLedger>.Instance);
        _faults.Reached = Reach;
    }

    public RequestLedger Ledger { get; }

    public bool IsDead => _isDead;

    public RequestStep? KilledAt { get; private set; }

    public ValueTask DisposeAsync() => Ledger.DisposeAsync();

    private void Reach(RequestStep step)
    {
        if (_isDead) throw new StormKillException();
        if (_left == 0 || Interlocked.Decrement(ref _left) != 0) return;
        KilledAt = step;
        _isDead = true;
        Ledger.Abandon();
        throw new StormKillException();
    }

    /// <summary>A dead process commits nothing. What it had handed to the system may be committed still.</summary>
    private sealed class DyingStore(IRequestStore store, StormGateway gateway) : IRequestStore
    {
        public Task AppendAsync(IReadOnlyList<RequestRow> rows, CancellationToken cancellation) =>
            gateway.IsDead ? throw new StormKillException() : store.AppendAsync(rows, cancellation);

        public ValueTask<IReadOnlyList<RequestRow>> ReadAsync(long after, int most, CancellationToken cancellation) => store.ReadAsync(after, most, cancellation);

        public ValueTask<RequestRow?> FindAsync(string id, CancellationToken cancellation) => store.FindAsync(id, cancellation);
    }
}
