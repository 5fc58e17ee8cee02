using Microsoft.Extensions.Logging.Abstractions;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Accounts;
using Stoker.ControlPlane.Autoscaling;
using Stoker.ControlPlane.Capacity;
using Stoker.ControlPlane.Deployments;
using Stoker.ControlPlane.Metering;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Reconciling;
using Stoker.ControlPlane.Replicas;
using Stoker.ControlPlane.Runtimes;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Metering;
using Stoker.ControlPlane.Tests.Runtimes;
using Stoker.ControlPlane.Tests.Storage;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Deployments;

/// <summary>
/// A server's deployments on a real store, with fake replicas and a clock that moves when told to. One driver: nothing
/// happens between calls, so no test waits for anything.
/// </summary>
internal sealed class DeploymentWorld : IAsyncDisposable
{
    public static readonly AccountName Account = AccountName.Parse("accounts/acme");
    public static readonly UserName User = UserName.Parse("accounts/acme/users/ann");

    private readonly StoreFile _file = new();
    private readonly SqliteDatabase _database;
    private readonly ModelStore _models;
    private readonly Inventory _inventory;
    private readonly CapacityTermsStore _terms;
    private readonly AccountStore _accounts;
    private WorkQueue<DeploymentName> _queue;
    private long _beatAt; // the wall clock may be set
    private bool _isStarted;

    public DeploymentWorld(int slots = 2)
        : this(new Inventory([new(Region.Local, AcceleratorType.Cpu, slots, [], 1 << 30)]))
    {
    }

    public DeploymentWorld(Inventory inventory, CapacityOptions? capacity = null)
    {
        _inventory = inventory;
        _database = SqliteDatabase.Open(_file.Path, Time, TimeSpan.FromDays(1)); // one process: nobody to poll for
        var rows = Rows = new(new SqliteResourceStore(_database, changeLogLength: 1000));
        _models = new(rows, _file.Data);
        Store = new(rows);
        _terms = new(rows, Microsoft.Extensions.Options.Options.Create(capacity ?? new()));
        _accounts = new(rows);
        Events = new SqliteEventLog(_database);
        Runtime = new(Time);
        Scalings = new SqliteScalingStore(_database);
        _queue = new(Time);
        LedgerStore = new(new SqliteLedgerStore(_database));
        Ledger = NewLedger();
        Figures = new(Directory.Answers, FiguresStore);
        (Board, Windows, Requests, Commands, Reconciler) = NewServer();
    }

    public ManualTime Time { get; } = new(new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));
    public DeploymentsOptions Options { get; } = new();
    public LocalRuntimeOptions RuntimeOptions { get; } = new();
    public DeploymentStore Store { get; }
    public ModelStore Models => _models;
    public Inventory Inventory => _inventory;
    public CapacityTermsStore Terms => _terms;
    public AccountStore Accounts => _accounts;

    /// <summary>What the store is asked.</summary>
    public WatchedResourceStore Rows { get; }
    public DeploymentCommands Commands { get; private set; }
    public IEventLog Events { get; }
    public LastRequests Requests { get; private set; }
    public FakeRuntime Runtime { get; }
    public ReplicaDirectory Directory { get; private set; } = new();
    public SqliteFiguresStore FiguresStore => new(_database);
    public RevisionFigures Figures { get; private set; }
    public SqliteScalingStore Scalings { get; }
    public DecisionLog Decisions => new(Scalings);

    /// <summary>What the gateway counts.</summary>
    public LoadBoard Board { get; private set; }
    public LoadWindows Windows { get; private set; }
    public WatchedLedgerStore LedgerStore { get; }
    public ReplicaLedger Ledger { get; private set; }
    public DeploymentReconciler Reconciler { get; private set; }

    public static DeploymentName Name(string id) => Account.Deployment(ResourceId.Parse(id));

    /// <summary>A library model, ready or only a catalogue entry.</summary>
    /// <param name="allowTaken">It may be there already.</param>
    public async Task AddModelAsync(
        string id = "story-3m", ModelKind kind = ModelKind.HfBaseModel, bool ready = true, string account = "fireworks", bool allowTaken = false,
        long parameters = 3_000_000, ModelResource? spec = null, Func<ModelInspection, ModelInspection>? seen = null)
    {
        var inspection = new ModelInspection(
            kind, "llama", ContextLength: 1024, ParameterCount: parameters, WeightBytes: parameters * 2, Moe: false, SupportsChat: true, SupportsTools: false,
            SupportsLora: true, [Precision.Bf16], new Dictionary<string, double>(), Peft: null, Warnings: []);
        inspection = seen?.Invoke(inspection) ?? inspection;
        var name = AccountName.Parse($"accounts/{account}").Model(ResourceId.Parse(id));
        var status = ready
            ? ModelStatus.Empty(null) with { State = ModelState.Ready, Folder = $"/models/{id}", Inspection = inspection }
            : ModelStatus.Empty(new("FAILED_PRECONDITION", "There are no weights yet"));
        var kindName = ControlPlane.Resources.WireEnum.TextOf(kind);
        var created = await _models.Rows.CreateAsync(name, (spec ?? new()) with { Kind = kindName, Public = true }, status, default);
        if (!allowTaken) created.Problem.ShouldBeNull();
    }

    /// <summary>As an operator would have made it.</summary>
    public async Task ReserveAsync(string account, int count, AcceleratorType type, Region region, DateTimeOffset? start = null, DateTimeOffset? end = null) =>
        (await _terms.Reservations.CreateAsync(
            ReservationName.Parse($"accounts/{account}/reservations/r"),
            new ReservationResource { AcceleratorType = type.Name, Region = region.Name, ReservedCount = count, StartTime = start ?? Time.GetUtcNow(), EndTime = end },
            NoStatus.Instance,
            default)).Problem.ShouldBeNull();

    public async Task LimitAsync(string account, AcceleratorType type, int most)
    {
        var name = QuotaName.Parse($"accounts/{account}/quotas/{type.QuotaId}");
        var written = await _terms.Quotas.FindAsync(name, default) is { } row
            ? await _terms.Quotas.UpdateSpecAsync(row, new(null, most), default)
            : await _terms.Quotas.CreateAsync(name, new(null, most), NoStatus.Instance, default);
        written.Problem.ShouldBeNull();
    }

    public async Task EndReservationAsync(string account) => (await _terms.Reservations.DeleteAsync(
        (await _terms.Reservations.FindAsync(ReservationName.Parse($"accounts/{account}/reservations/r"), default))!, default)).Problem.ShouldBeNull();

    public async Task RemoveModelAsync(string id = "story-3m")
    {
        var row = await _models.Rows.FindAsync(AccountName.Library.Model(ResourceId.Parse(id)), default);
        (await _models.Rows.DeleteAsync(row!, default)).Problem.ShouldBeNull();
    }

    /// <summary>Of another account than the usual one.</summary>
    public async Task CreateOfAsync(string account, string id, DeploymentResource asked)
    {
        (await Commands.CreateAsync(AccountName.Parse($"accounts/{account}"), asked, id, validateOnly: false, User, draftByDefault: true, default)).Problem.ShouldBeNull();
        await SettleAsync();
    }

    public async Task<Deployment> GetOfAsync(string account, string id) =>
        (await Store.FindAsync(DeploymentName.Parse($"accounts/{account}/deployments/{id}"), default)).ShouldNotBeNull().Deployment;

    public Task<Result<Deployment>> TryCreateAsync(
        string? id, DeploymentResource? asked = null, bool validateOnly = false, bool draftByDefault = true) =>
        Commands.CreateAsync(Account, asked ?? new() { BaseModel = "story-3m" }, id, validateOnly, User, draftByDefault, default);

    public async Task CreateAsync(string id, DeploymentResource? asked = null)
    {
        (await TryCreateAsync(id, asked)).Problem.ShouldBeNull();
        await SettleAsync();
    }

    public async Task UpdateAsync(string id, DeploymentResource patch, string? mask = null)
    {
        (await TryUpdateAsync(id, patch, mask)).Problem.ShouldBeNull();
        await SettleAsync();
    }

    public Task<Result<Deployment>> TryUpdateAsync(string id, DeploymentResource patch, string? mask = null) =>
        Commands.UpdateAsync(Name(id), patch, mask, default);

    public Task<Result<Deployment>> ScaleAsync(string id, int? count) => Commands.ScaleAsync(Name(id), count, default);

    public Task<Result<Deployment>> DeleteAsync(string id, bool hard, bool ignoreChecks = false) =>
        Commands.DeleteAsync(Name(id), hard, ignoreChecks, default);

    /// <summary>A request comes and is answered.</summary>
    public void Request(string id)
    {
        Board.Of(Name(id)).Began();
        Board.Of(Name(id)).Ended();
    }

    public async Task GuardDeletionAsync() => (await _accounts.Accounts.CreateAsync(
        Account, new AccountSpec(null, null, Operator: false, DeletionGuard: true), NoStatus.Instance, default)).Problem.ShouldBeNull();

    public async Task<IReadOnlyList<string>> EventsAsync(string id) =>
        [.. (await Events.ListAsync(Name(id).ToString(), default)).Select(item => item.Reason)];

    public async Task<string> EventAsync(string id, string reason) =>
        (await Events.ListAsync(Name(id).ToString(), default)).Last(item => item.Reason == reason).Message;

    public Task<Result<Deployment>> UndeleteAsync(string id) => Commands.UndeleteAsync(Name(id), default);

    public async Task<Deployment?> FindAsync(string id) => (await Store.FindAsync(Name(id), default))?.Deployment;

    public async Task<Deployment> GetAsync(string id) => (await FindAsync(id)).ShouldNotBeNull();

    public IReadOnlyList<ReplicaEndpoint> Routed(string id) =>
        Directory.Current.Routes.TryGetValue(Name(id), out var route) ? route.Ready : [];

    public DeploymentLoad Load(string id) => Board.Of(Name(id));

    /// <summary>Looks at everything until nothing is left to look at now.</summary>
    public async Task SettleAsync()
    {
        if (!_isStarted) await Ledger.TakeOverAsync(Runtime.List, default);
        _isStarted = true;
        var (_, all) = await Store.ListAsync(account: null, default);
        foreach (var name in all.Select(stored => stored.Deployment.Name.ToString()).Concat(Runtime.List().Select(replica => replica.Spec.Deployment)).Distinct())
        {
            _queue.Add(DeploymentName.Parse(name));
        }

        for (var turns = 0; _queue.TryTake(out var name); turns++)
        {
            turns.ShouldBeLessThan(10_000, "The reconciler does not come to rest");
            if (await Reconciler.ReconcileAsync(name, _queue, default) is { } delay)
            {
                if (delay <= TimeSpan.Zero) _queue.Add(name);
                else _queue.AddAfter(name, delay);
            }
        }
    }

    /// <summary>One look at one deployment, before any other is looked at.</summary>
    public Task SettleOneAsync(string id) => Reconciler.ReconcileAsync(Name(id), _queue, default);

    public async Task PassAsync(TimeSpan time, TimeSpan? step = null)
    {
        var tick = step ?? TimeSpan.FromMilliseconds(500);
        for (var passed = TimeSpan.Zero; passed < time; passed += tick)
        {
            Time.Advance(tick);
            Windows.Sample();
            await SettleAsync();
            if (Time.GetTimestamp() < _beatAt) continue;
            await Ledger.BeatAsync(Runtime.List, default);
            _beatAt = Time.GetTimestamp() + LedgerRule.Beat.Ticks;
        }
    }

    public Task PassAsync(double seconds) => PassAsync(TimeSpan.FromSeconds(seconds));

    /// <summary>The server is killed and another one starts: memory is gone, store and replicas are not.</summary>
    public async Task RestartServerAsync()
    {
        _queue.Dispose();
        _queue = new(Time);
        Reconciler.Dispose();
        Ledger.Dispose();
        Ledger = NewLedger();
        Directory = new();
        Figures = new(Directory.Answers, FiguresStore);
        (Board, Windows, Requests, Commands, Reconciler) = NewServer();
        await Reconciler.LoadAsync(_queue, default);
    }

    /// <summary>Another living server runs the controllers.</summary>
    public async Task LoseLeaseToAnotherAsync() =>
        (await new SqliteLeaseStore(_database).TryAcquireAsync(ControllerLease.Name, "another", TimeSpan.FromDays(1), default)).ShouldNotBeNull();

    /// <summary>Starts the reconciler as a server does, and waits until it controls.</summary>
    public async Task StartControlAsync(CancellationToken cancellation)
    {
        Directory.Publish(ReplicaSnapshot.Unknown);
        await Reconciler.StartAsync(cancellation);
        while (ReferenceEquals(Directory.Current, ReplicaSnapshot.Unknown)) await Task.Yield();
    }

    public async Task<string?> HolderAsync() => (await new SqliteLeaseStore(_database).FindAsync(ControllerLease.Name, default))?.Holder;

    public async ValueTask DisposeAsync()
    {
        Reconciler.Dispose();
        Ledger.Dispose();
        _queue.Dispose();
        _accounts.Dispose();
        await _database.DisposeAsync();
        _file.Dispose();
    }

    private ReplicaLedger NewLedger() => new(LedgerStore, Time, NullLogger<ReplicaLedger>.Instance, bootId: "boot-1");

    private (LoadBoard, LoadWindows, LastRequests, DeploymentCommands, DeploymentReconciler) NewServer()
    {
        var board = new LoadBoard(Time);
        var windows = new LoadWindows(board, Scalings, Time);
        var requests = new LastRequests(board, new SqliteLastUseStore(_database), Time);
        var options = Microsoft.Extensions.Options.Options.Create(Options);
        var reconciler = new DeploymentReconciler(
            Store, _models, Runtime, _inventory, _terms, Directory,
            new(board, windows, Decisions, Time, NullLogger<DeploymentScaling>.Instance),
            Ledger,
            new(new SqliteLeaseStore(_database), Time, NullLogger<ControllerLease>.Instance),
            new(Store, Events, requests, Figures, options, Time),
            options,
            Microsoft.Extensions.Options.Options.Create(RuntimeOptions),
            Time,
            NullLogger<DeploymentReconciler>.Instance);
        var commands = new DeploymentCommands(Store, _models, new(_models), _inventory, _terms, new(_accounts), requests, Time);
        return (board, windows, requests, commands, reconciler);
    }
}
