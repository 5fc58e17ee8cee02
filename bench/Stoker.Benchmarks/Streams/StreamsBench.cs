using System.Globalization;
using Stoker.Benchmarks.Measuring;
using Stoker.Benchmarks.Serving;

namespace Stoker.Benchmarks.Streams;

/// <summary>
/// Open streams across scale-down, a rolling update, an upgrade of the server and the death of a replica. Fails when one
/// is cut, or has another text than undisturbed.
/// </summary>
internal static class StreamsBench
{
    public static async Task RunAsync(string[] args)
    {
        var arguments = new Arguments(args, [], "--stoker", "--streams", "--replicas", "--seconds", "--rounds");
        var (streams, replicas) = (arguments.Integer("--streams", 200, 1, 10_000), arguments.Integer("--replicas", 4, 2, 100));
        var seconds = arguments.Integer("--seconds", 15, 2, 600);
        var rounds = arguments.Integer("--rounds", 1, 1, 1000);
        using var scenes = await StreamScenes.StartAsync(ReplicaProcess.Program(arguments.Text("--stoker")), streams, replicas, seconds);
        Console.WriteLine($"{streams} streams of {seconds} s on {replicas} replicas");
        var table = new Table(("scene", 22), ("streams", 7), ("whole", 6), ("on the killed", 13), ("continued", 9), ("error event", 11), ("cut", 5), ("wrong text", 10));
        var broken = new List<string>();
        for (var round = 0; round < rounds; round++)
        {
            Row(await scenes.ScaleDownAsync());
            Row(await scenes.RollingUpdateAsync(context: round % 2 == 0 ? 500 : 490));
            Row(await scenes.UpgradeAsync());
            Row(await scenes.KillAsync());
        }

        if (broken.Count > 0) throw new BenchFailedException(string.Join('\n', broken));

        void Row(SceneResult result)
        {
            int[] counts = [result.Streams, result.Whole, result.Hit, result.Continued, result.Errors, result.Cut, result.Wrong];
            table.Row([result.Scene, .. counts.Select(count => count.ToString(CultureInfo.InvariantCulture))]);
            foreach (var cause in result.Causes) Console.WriteLine($"    {cause}");
            if (result.Cut > 0 || result.Wrong > 0 || result.Served == 0 || (result.Hit == 0 && result.Errors > 0))
            {
                broken.Add($"{result.Scene}: {result}");
            }
        }
    }
}
