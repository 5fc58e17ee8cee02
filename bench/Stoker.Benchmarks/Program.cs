using Stoker.Benchmarks;
using Stoker.Benchmarks.Addons;
using Stoker.Benchmarks.Attending;
using Stoker.Benchmarks.Chaos;
using Stoker.Benchmarks.Cold;
using Stoker.Benchmarks.Comparing;
using Stoker.Benchmarks.Encode;
using Stoker.Benchmarks.Fleet;
using Stoker.Benchmarks.Generate;
using Stoker.Benchmarks.Gguf;
using Stoker.Benchmarks.Ledger;
using Stoker.Benchmarks.LongPrompts;
using Stoker.Benchmarks.MatrixKernels;
using Stoker.Benchmarks.Precisions;
using Stoker.Benchmarks.Prefix;
using Stoker.Benchmarks.Quality;
using Stoker.Benchmarks.RandomModels;
using Stoker.Benchmarks.Routing;
using Stoker.Benchmarks.Sampling;
using Stoker.Benchmarks.Serving;
using Stoker.Benchmarks.Simulate;
using Stoker.Benchmarks.Small;
using Stoker.Benchmarks.Soak;
using Stoker.Benchmarks.Speculation;
using Stoker.Benchmarks.Streams;
using Stoker.Benchmarks.Throughput;
using Stoker.Benchmarks.Waking;
using Stoker.Engine;

// Each bench and tool by its name. A bench prints medians; it asserts nothing.
(string Name, string About, Func<string[], Task> Run)[] benches =
[
    ("addons", "[--parts batch,many] --models DIR [--shapes ..] [--precision P]: 32 sequences with 16 addons against the base alone, and hot load; many [--count N]: 1,000 on one deployment, needs no models", AddonsBench.RunAsync),
    ("attention", "attention alone in the shape of Llama-3.2-1B: prefill and decode [--kv bf16,f32,fp8] [--cases ..] [--kernel-set S]", args => Done(() => AttentionBench.Run(args))),
    ("encode", "tokenizer: MB/s of encoding, with a small and with a 128k-entry vocabulary", args => Done(() => EncodeBench.Run(args))),
    ("generate", "engine: opening, time to first token, prefill and decode of story-3m [--delivery auto,inline,beside]", GenerateBench.RunAsync),
    ("kernels", "[--formats bf16,..] [--tokens 1,8,..] [--set NAME] [--threads N] [--resident 1]: matrix kernels beside the machine's limits", args => Done(() => KernelsBench.Run(args))),
    ("sample", "drawing a token from a row of 128k logits [--vocab N]", args => Done(() => SampleBench.Run(args))),
    ("random-model", "SHAPE DIR [--vocab N] [--seed S]: writes a model folder with random weights", args => Done(() => RandomModel.Run(args))),
    ("gguf", "FOLDER bf16|f32|q8_0|q4_0 FILE: converts a llama or qwen2 model folder to GGUF", args => Done(() => GgufConverter.Run(args))),
    ("compare", "our forward pass against llama.cpp's, in turns; see bench/compare/llamacpp/run.sh", args => Done(() => CompareBench.Run(args))),
    ("small", "story-3m: our whole engine against llama.cpp, decode x1 and time to first token", args => Done(() => SmallBench.Run(args))),
    ("engine", "forward pass in every precision with the machine's limits beside it: --models DIR", args => Done(() => ThroughputBench.Run(args))),
    ("precision", "memory and speed of each precision beside bf16, in turns: --models DIR [--shapes ..] [--rounds N]", args => Done(() => PrecisionBench.Run(args))),
    ("quality", "perplexity of story-3m in each precision of weights and KV cache against the reference; fails over a stated bound", args => Done(() => QualityBench.Run(args))),
    ("cold", "cold start, packed and plain, against llama.cpp's load: --model DIR, or --models DIR [--peer DIR]", ColdBench.RunAsync),
    ("cold-engine", "FOLDER auto|never|require: what cold starts; one token, then the end", ColdEngine.RunAsync),
    ("serving", "clients over HTTP against one replica, lengths of a trace: --model DIR or --models DIR", ServingBench.RunAsync),
    ("prefix", "time to first token with and without a shared prefix: --model DIR or --models DIR", PrefixBench.RunAsync),
    ("longprompt", "[--parts steps,shares] [--models DIR | --model DIR] [--rounds N] [--prompt N] [--decodes N] [--shares 25,50,..] [--chunk N]: a long prompt beside answers, by the share that those keep", LongPromptBench.RunAsync),
    ("soak", "[--minutes N]: random traffic against a tiny KV cache; memory by the minute", SoakBench.RunAsync),
    ("speculation", "[--parts equality,real,target,adaptive] [--models DIR | --model DIR --draft DIR] [--rounds N] [--tokens N] [--batches 1,4,..] [--prompts N] [--seed N]: with drafts and without, in turns; no answer may differ", SpeculationBench.RunAsync),
    ("routing", "[--parts quality,loads,places,decision] [--decisions N]: the router against others in the simulator, and the time that one decision takes", args => Done(() => RoutingBench.Run(args))),
    ("simulate", "[--parts reference,zero,speed]: the simulator's figures on the bundled traces", args => Done(() => SimulateBench.Run(args))),
    ("ledger", "[--requests N] [--kills N] [--clients N] [--server-kills N] [--seed S]: the token ledger under cancels, engine faults, gateways killed at its fault points, and kill -9 of real servers; no row may be wrong", LedgerBench.RunAsync),
    ("chaos", "[--kills N] [--seed S]: kill -9 of servers and replicas at random points; nothing may be lost, left over or paid wrongly", ChaosBench.RunAsync),
    ("waking", "deployments at zero that requests wake, behind a real server [--parts real,crowd] [--crowds 1,5,25]", WakingBench.RunAsync),
    ("fleet", "[--deployments N] [--replicas N] [--idle-seconds N] [--calls N] [--changing N]: one server with 1,000 deployments of 5 simulated replicas", FleetBench.RunAsync),
    ("streams", "[--streams N] [--seconds S]: open streams across scale-down, rolling update, upgrade of the server and kill -9 of a replica", StreamsBench.RunAsync),
    ("side", "one side of the comparison, driven by lines on standard input", args => Done(() => SideServer.Run(args))),
];

var wanted = args.Length >= 1 ? Array.Find(benches, bench => bench.Name == args[0]) : default;
if (wanted.Run is null)
{
    await Console.Error.WriteLineAsync("Usage: dotnet run -c Release --project bench/Stoker.Benchmarks -- BENCH, where BENCH is one of:");
    foreach (var bench in benches) await Console.Error.WriteLineAsync($"  {bench.Name,-12} {bench.About}");
    return 2;
}

try
{
    await wanted.Run(args[1..]);
    return 0;
}
catch (Exception wrong) when (wrong is UsageException or ArgumentException or ModelLoadException)
{
    await Console.Error.WriteLineAsync($"{wanted.Name}: {wrong.Message}");
    return 2;
}
catch (BenchFailedException failed)
{
    await Console.Error.WriteLineAsync($"{wanted.Name}: {failed.Message}");
    return 1;
}

static Task Done(Action run)
{
    run();
    return Task.CompletedTask;
}
