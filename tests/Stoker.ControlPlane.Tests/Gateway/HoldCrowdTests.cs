extern alias replica;
using System.Collections.Concurrent;
using System.Globalization;
using System.Text.Json;
using replica::Stoker.Replica.Simulated;
using Stoker.ControlPlane.Routing;

namespace Stoker.ControlPlane.Tests.Gateway;

/// <summary>A thousand clients in front of a replica that takes a minute to boot, on a clock that the test moves.</summary>
public sealed class HoldCrowdTests
{
    private const int Crowd = 1_000;

    // In ms. Only a request that is never answered takes so long.
    private const int Most = 180_000;

    private static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    [Fact(Timeout = Most)]
    public async Task A_thousand_requests_held_over_a_boot_of_a_minute_are_all_answered_in_order()
    {
        await using var world = await HoldWorld.StartAsync();
        var wakes = 0;
        world.Load.Woke += () => wakes++;
        var calls = Enumerable.Range(0, Crowd).Select(index => Call(world, index)).ToList();
        var beyond = Call(world, Crowd);
        await beyond.Ended;

        (beyond.StatusCode, world.Queue.Count, world.Load.Queued, wakes).ShouldBe((429, Crowd, Crowd, 1));
        calls.ShouldAllBe(call => !call.Ended.IsCompleted);

        var replica = await BootAsync(world, TimeSpan.FromMinutes(1), new() { Slots = 1, AnswerTokens = 2 });
        calls.ShouldAllBe(call => !call.Ended.IsCompleted); // it is there, and nobody has been told yet
        calls[0].Comments.Count.ShouldBeInRange(13, 31); // at once, and at least every 5 s of 60
        var target = replica.Target = world.Replicas.Add(replica, maxSequences: 1);
        world.Publish(target);
        await Task.WhenAll(calls.Select(call => call.Ended));

        replica.Order.ShouldBe(Enumerable.Range(0, Crowd));
        for (var index = 0; index < Crowd; index++) ShouldBeAnswered(calls[index], Streams(index));
        replica.InFlight.ShouldAllBe(count => count == 1);
        (world.Queue.Count, world.Queue.Bytes, world.Load.Queued, world.Load.Running, target.InFlight).ShouldBe((0, 0, 0, 0, 0));
        world.Load.Take().Requests.ShouldBe(Crowd);
    }

    [Fact(Timeout = Most)]
    public async Task Many_slots_are_filled_and_never_overrun()
    {
        const int Slots = 8;
        await using var world = await HoldWorld.StartAsync();
        var calls = Enumerable.Range(0, 100).Select(index => Call(world, index)).ToList();
        var replica = await BootAsync(world, TimeSpan.FromSeconds(1), new() { Slots = Slots, AnswerTokens = 2 });

        world.Publish(replica.Target = world.Replicas.Add(replica, Slots));
        await Task.WhenAll(calls.Select(call => call.Ended));

        calls.ShouldAllBe(call => call.StatusCode == 200);
        replica.Order.Order().ShouldBe(Enumerable.Range(0, 100));
        replica.InFlight.Max().ShouldBeInRange(1, Slots);
    }

    /// <summary>
    /// The boot passes on the gateway's clock, which then stands still; the replica answers on the system's, so that
    /// nobody has to move a clock in step with threads.
    /// </summary>
    private static async Task<ObservedSimulation> BootAsync(HoldWorld world, TimeSpan boot, ReplicaModelOptions options)
    {
        for (var passed = TimeSpan.Zero; passed < boot; passed += TimeSpan.FromSeconds(0.5)) world.Advance(0.5);
        var fast = options with { PrefillTokensPerSecond = 1e9, DecodeTokensPerSecond = 1e5 };
        var replica = new ObservedSimulation(new(fast, TimeProvider.System, servedModelName: Inference.Model));
        await replica.Simulated.Loaded.WaitAsync(Cancellation);
        return replica;
    }

    private static bool Streams(int index) => index % 2 == 0;

    private static DirectCall Call(HoldWorld world, int index) => world.Ask(string.Create(
        CultureInfo.InvariantCulture,
        $$"""{"model":"{{Inference.Deployment}}","prompt":"{{index}}","stream":{{(Streams(index) ? "true" : "false")}}}"""));

    private static void ShouldBeAnswered(DirectCall call, bool stream)
    {
        call.StatusCode.ShouldBe(200, call.Text);
        if (stream) call.Data[^1].ShouldBe("[DONE]", call.Text);
        else call.Text.ShouldContain("\"choices\"");
    }

    /// <summary>A simulated replica, with the order in which requests reach it.</summary>
    private sealed class ObservedSimulation : HttpMessageHandler
    {
        private readonly HttpMessageInvoker _invoker;
        private readonly ConcurrentQueue<int> _order = new();

        public ObservedSimulation(SimulatedReplicaHandler simulated) => (Simulated, _invoker) = (simulated, new(simulated));

        public SimulatedReplicaHandler Simulated { get; }

        /// <summary>What the prompts say, in order of arrival.</summary>
        public IReadOnlyCollection<int> Order => _order;

        /// <summary>The gateway's side of it.</summary>
        public ReplicaTarget? Target { get; set; }

        /// <summary>What ran there with each request that arrived, itself included.</summary>
        public ConcurrentBag<int> InFlight { get; } = [];

        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            using (var body = JsonDocument.Parse(await request.Content!.ReadAsStringAsync(cancellationToken)))
            {
                _order.Enqueue(int.Parse(body.RootElement.GetProperty("prompt").GetString()!, CultureInfo.InvariantCulture));
            }

            InFlight.Add(Target!.InFlight);
            return await _invoker.SendAsync(request, cancellationToken);
        }

        protected override void Dispose(bool disposing)
        {
            _invoker.Dispose();
            base.Dispose(disposing);
        }
    }
}
