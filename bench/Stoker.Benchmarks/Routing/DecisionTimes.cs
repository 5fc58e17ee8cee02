using System.Globalization;
using Stoker.Benchmarks.Measuring;
using Stoker.ControlPlane.Routing;
using Stopwatch = System.Diagnostics.Stopwatch;

namespace Stoker.Benchmarks.Routing;

/// <summary>
/// One decision among 64 replicas that all hold the first half of every prompt, and each of them some whole ones: the hashes of a prompt of
/// so many bytes, and the choice by them; and all that a request does to the router. Half of the prompts were sent before, to some replica.
/// </summary>
internal static class DecisionTimes
{
    private const int Replicas = 64;
    private const int Known = 2_000;

    public static void Run(int decisions)
    {
        Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"\n{decisions:N0} decisions among {Replicas} replicas"));
        var table = new Table(("prompt", 9), ("step", 34), ("p50, us", 8), ("p99, us", 8), ("p99.9, us", 9), ("bytes allocated", 15));
        foreach (var bytes in new[] { 1 << 10, 8 << 10, 48 << 10, 220 << 10 }) Measure(table, bytes, decisions);
    }

    private static void Measure(Table table, int bytes, int decisions)
    {
        var shared = new SharedRoute();
        ReplicaTarget[] ready = [.. Enumerable.Range(0, Replicas).Select(index => new ReplicaTarget($"r{index}", null, "/r"))];
        var (random, text) = (new Random(1), new byte[bytes]);
        for (var prompt = 0; prompt < Known; prompt++)
        {
            using var sent = RoutedPrompt.Of(Text(text, prompt), root: 1);
            shared.Take([ready[prompt % Replicas]], new(sent))?.Dispose();
        }

        var name = string.Create(CultureInfo.InvariantCulture, $"{bytes >> 10} KB");
        Row("hashes", () => RoutedPrompt.Of(text, root: 1).Dispose());
        Row("hashes, choice", () =>
        {
            using var prompt = RoutedPrompt.Of(text, root: 1);
            shared.Rank(ready, new(prompt, OnlyFree: true), shared.Now);
        });
        Row("hashes, choice, place, its end", () =>
        {
            using var prompt = RoutedPrompt.Of(text, root: 1, tellsFirstToken: true);
            using var lease = shared.Take(ready, new(prompt, OnlyFree: true))!;
            lease.FirstToken();
        });

        void Row(string step, Action once)
        {
            var times = new double[decisions];
            for (var warm = 0; warm < 2_000; warm++) once();
            var allocated = 0L;
            for (var decision = 0; decision < decisions; decision++)
            {
                Text(text, random.Next(2 * Known)); // not timed
                var before = GC.GetAllocatedBytesForCurrentThread();
                var begin = Stopwatch.GetTimestamp();
                once();
                times[decision] = Stopwatch.GetElapsedTime(begin).TotalMicroseconds;
                allocated += GC.GetAllocatedBytesForCurrentThread() - before;
            }

            Array.Sort(times);
            table.Row(name, step, At(0.5), At(0.99), At(0.999), (allocated / decisions).ToString(CultureInfo.InvariantCulture));

            string At(double share) => times[(int)(share * (decisions - 1))].ToString("0.00", CultureInfo.InvariantCulture);
        }
    }

    /// <summary>The first half is everybody's, what follows is its own.</summary>
    private static byte[] Text(byte[] text, int number)
    {
        BitConverter.TryWriteBytes(text.AsSpan(text.Length / 2), number);
        return text;
    }
}
