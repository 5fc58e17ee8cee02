using Stoker.Benchmarks.Encode;
using Stoker.Benchmarks.Generate;

// Each bench by its name. A bench prints a table of medians; it asserts nothing.
(string Name, string About, Func<Task> Run)[] benches =
[
    ("encode", "tokenizer: MB/s of encoding, with a small and with a 128k-entry vocabulary", () => Done(EncodeBench.Run)),
    ("generate", "engine: opening, time to first token, prefill and decode of story-3m", GenerateBench.RunAsync),
];

var wanted = args.Length == 1 ? Array.Find(benches, bench => bench.Name == args[0]) : default;
if (wanted.Run is null)
{
    await Console.Error.WriteLineAsync("Usage: dotnet run -c Release --project bench/Stoker.Benchmarks -- BENCH, where BENCH is one of:");
    foreach (var bench in benches) await Console.Error.WriteLineAsync($"  {bench.Name,-10} {bench.About}");
    return 2;
}

await wanted.Run();
return 0;

static Task Done(Action run)
{
    run();
    return Task.CompletedTask;
}
