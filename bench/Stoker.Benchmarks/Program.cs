using Stoker.Benchmarks.Encode;

// Each bench by its name. A bench prints a table of medians; it asserts nothing.
(string Name, string About, Action Run)[] benches =
[
    ("encode", "tokenizer: MB/s of encoding, with a small and with a 128k-entry vocabulary", EncodeBench.Run),
];

var wanted = args.Length == 1 ? Array.Find(benches, bench => bench.Name == args[0]) : default;
if (wanted.Run is null)
{
    Console.Error.WriteLine("Usage: dotnet run -c Release --project bench/Stoker.Benchmarks -- BENCH, where BENCH is one of:");
    foreach (var bench in benches) Console.Error.WriteLine($"  {bench.Name,-10} {bench.About}");
    return 2;
}

wanted.Run();
return 0;
