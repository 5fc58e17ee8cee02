using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Stoker.Api.Names;
using Stoker.Api.Problems;
using Stoker.ControlPlane.Models;
using Stoker.ControlPlane.Storage;
using Stoker.ControlPlane.Tests.Storage;
using Stoker.Testing;

namespace Stoker.ControlPlane.Tests.Models;

/// <summary>A preparation comes to its end in the store too, whatever the store does meanwhile.</summary>
public sealed class PreparationNotesTests : IAsyncLifetime
{
    private const string Progress = "\"percent\":5", End = "\"percent\":100"; // 5 and 50 of what the fake packer tells
    private static readonly ModelName Name = ModelName.Parse("accounts/acme/models/m");

    private readonly StoreFile _file = new();
    private readonly ManualTime _time = new(new(2030, 1, 1, 12, 0, 0, TimeSpan.Zero));
    private readonly FakePacker _packer = new();
    private readonly Words _words = new();
    private readonly SqliteDatabase _database;
    private readonly FailingResourceStore _rows;
    private readonly ModelStore _models;
    private readonly ModelPacking _packing;

    public PreparationNotesTests()
    {
        _database = _file.Open();
        _rows = new(new SqliteResourceStore(_database, changeLogLength: 1000));
        _models = new(_rows, _file.Data);
        _packing = new(_models, _packer, Microsoft.Extensions.Options.Options.Create(new ModelOptions { Pack = false }), _time, _words);
    }

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        var seen = new ModelInspection(
            ModelKind.HfBaseModel, "llama", 2048, 10, 20, false, false, false, false, [Precision.Bf16], new Dictionary<string, double>(), null, []);
        var status = ModelStatus.Empty(null) with { State = ModelState.Ready, Folder = "/models/m", Inspection = seen };
        status = status.With(new ModelPreparation(Precision.Fp8, PreparationState.Pending, 0, null, DateTimeOffset.UnixEpoch));
        (await _models.Rows.CreateAsync(Name, new() { Kind = "HF_BASE_MODEL" }, status, Cancellation)).Problem.ShouldBeNull();
    }

    public async ValueTask DisposeAsync()
    {
        await _packing.StopAsync(Cancellation);
        _packing.Dispose();
        await _database.DisposeAsync();
        _file.Dispose();
    }

    [Fact]
    public async Task Progress_that_cannot_be_written_down_is_no_fault_of_the_work()
    {
        _rows.Fails = body => body.Contains(Progress, StringComparison.Ordinal) ? Problem.FailedPrecondition("the disk is full") : null;
        await _packing.StartAsync(Cancellation);
        await UntilAsync(PreparationState.Ready);
        _rows.Failed.ShouldBe(2);
        _words.Said.ShouldContain(said => said.StartsWith($"How far the preparation of {Name} for Fp8 is could not be written down", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData(PreparationState.Ready, false, 4)]
    [InlineData(PreparationState.Ready, true, 20)] // five to a try
    [InlineData(PreparationState.Failed, false, 4)]
    public async Task Its_end_is_written_down_when_the_store_is_well_again_and_nothing_is_prepared_twice(PreparationState state, bool conflict, int times)
    {
        var problem = conflict ? new Problem(Code.Aborted, "others are faster") : Problem.FailedPrecondition("the disk is full");
        if (state == PreparationState.Failed) _packer.Failure = "no room";
        var end = state == PreparationState.Failed ? "no room" : End;
        _rows.Fails = body => body.Contains(end, StringComparison.Ordinal) && _rows.Failed < times ? problem : null;
        await _packing.StartAsync(Cancellation);
        await UntilAsync(state);
        _rows.Failed.ShouldBe(times);
        _packer.Prepared.Count.ShouldBe(state == PreparationState.Ready ? 1 : 0);
        _words.Said.ShouldNotContain(said => said.Contains("is not packed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_beginning_that_cannot_be_written_down_is_tried_again()
    {
        _rows.Fails = _ => _rows.Failed < 3 ? Problem.FailedPrecondition("the disk is full") : null;
        await _packing.StartAsync(Cancellation);
        await UntilAsync(PreparationState.Ready);
        _rows.Failed.ShouldBe(3);
    }

    [Fact]
    public async Task An_end_that_can_never_be_written_down_is_told_and_asking_again_makes_it_good()
    {
        _rows.Fails = body => body.Contains(End, StringComparison.Ordinal) ? Problem.FailedPrecondition("the disk is full") : null;
        await _packing.StartAsync(Cancellation);
        await PassUntilAsync(() => Task.FromResult(_words.Said.Any(said => said.Contains("ask for the preparation once more", StringComparison.Ordinal))));
        _rows.Failed.ShouldBe(10);
        (await StateAsync()).ShouldBe(PreparationState.Running);

        _rows.Fails = _ => null;
        _packing.Add(Name, Precision.Fp8);
        await UntilAsync(PreparationState.Ready);
        _words.Said.ShouldNotContain(said => said.Contains("is not packed", StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_fault_of_the_packer_is_not_called_one_of_packing()
    {
        _packer.Fault = new InvalidOperationException("a bug");
        await _packing.StartAsync(Cancellation);
        await UntilAsync(PreparationState.Failed);
        _words.Said.ShouldContain($"{Name} is not prepared for Fp8: an error of the server");
        _words.Said.ShouldNotContain(said => said.Contains("is not packed", StringComparison.Ordinal));
    }

    private async Task<PreparationState> StateAsync() => (await _models.Rows.FindAsync(Name, Cancellation))!.Status.Preparations.Single().State;

    private Task UntilAsync(PreparationState state) => PassUntilAsync(async () => await StateAsync() == state);

    private async Task PassUntilAsync(Func<Task<bool>> holds)
    {
        while (!await holds())
        {
            _time.Advance(TimeSpan.FromSeconds(1));
            await Task.Yield();
        }
    }

    private sealed class Words : ILogger<ModelPacking>
    {
        public ConcurrentQueue<string> Said { get; } = new();

        public IDisposable? BeginScope<TState>(TState state)
            where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Said.Enqueue(formatter(state, exception));
    }
}
