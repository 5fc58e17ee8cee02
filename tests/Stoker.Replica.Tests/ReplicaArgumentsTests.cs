using Microsoft.Extensions.Logging;
using Stoker.Engine;

namespace Stoker.Replica.Tests;

public sealed class ReplicaArgumentsTests
{
    [Fact]
    public void Reads_what_a_server_passes()
    {
        var options = Parse("--id r1 --directory /d --model /models/m --served-model-name n --listen unix:/s/a.sock --listen http://127.0.0.1:0 "
            + "--engine stoker --threads 2 --cores 0,1 --context-length 128 --memory-bytes 5000000000 --max-sequences 4 --lease-seconds 60 --detach --log-level debug");
        (options.Id, options.Directory, options.Model, options.ServedModelName).ShouldBe(("r1", "/d", "/models/m", "n"));
        options.Listen.Select(it => it.Text).ShouldBe(["unix:/s/a.sock", "http://127.0.0.1:0"]);
        (options.Threads, options.ContextLength, options.MemoryBytes, options.MaxSequences).ShouldBe((2, 128, 5_000_000_000, 4));
        options.Cores.ShouldBe([0, 1]);
        options.Lease.ShouldBe(TimeSpan.FromSeconds(60));
        (options.Detach, options.LogLevel).ShouldBe((true, LogLevel.Debug));
    }

    [Fact]
    public void By_hand_a_model_is_enough_and_the_simulated_engine_needs_none()
    {
        var options = Parse("--model /models/story-3m/");
        (options.ServedModelName, options.Lease, options.Directory).ShouldBe(("story-3m", null, null));
        options.Listen.Single().Text.ShouldBe("http://127.0.0.1:7866");
        Parse("--engine=simulated --simulate slots=3,decode-rate=10.5,fail-load=true").Simulated
            .ShouldBe(new() { Slots = 3, DecodeTokensPerSecond = 10.5, FailLoad = true });
        Parse("--engine simulated --max-sequences 2 --context-length 64").ToSimulatedOptions().ShouldBe(new() { Slots = 2, ContextLength = 64 });
    }

    [Theory]
    [InlineData("", Precision.Auto)]
    [InlineData("--precision auto", Precision.Auto)]
    [InlineData("--precision f32", Precision.F32)]
    [InlineData("--precision bf16", Precision.Bf16)]
    [InlineData("--precision int8", Precision.Int8)]
    [InlineData("--precision fp8", Precision.Fp8)]
    [InlineData("--precision fp4", Precision.Fp4)]
    public void Precision_reaches_the_engine(string flags, Precision expected) =>
        Parse($"--model m {flags}".TrimEnd()).ToEngineOptions(TimeProvider.System).Precision.ShouldBe(expected);

    [Fact]
    public void A_steps_limits_reach_the_engine()
    {
        var (plain, given) = (Engine("--model m"), Engine("--model m --step-tokens 64 --step-milliseconds 40"));
        (plain.StepTokens, plain.StepTime).ShouldBe((new EngineOptions().StepTokens, new EngineOptions().StepTime));
        (given.StepTokens, given.StepTime).ShouldBe((64, TimeSpan.FromMilliseconds(40)));
        Engine("--model m --step-milliseconds 0").StepTime.ShouldBe(TimeSpan.Zero);
        Engine("--model m --max-sequences 2000").StepTokens.ShouldBe(2000); // each sequence gets a row
        Engine("--model m --max-sequences 2000 --step-tokens 64").StepTokens.ShouldBe(64); // which the engine refuses by name

        static EngineOptions Engine(string line) => Parse(line).ToEngineOptions(TimeProvider.System);
    }

    [Fact]
    public void The_plan_for_long_prompts_reaches_the_engine()
    {
        var usual = new LongPromptOptions();
        Engine("--model m").LongPrompt.ShouldBeNull();
        Engine("--model m --long-prompt").LongPrompt.ShouldBe(usual);
        Engine("--long-prompt --model m --decode-share 0.8").LongPrompt.ShouldBe(usual with { DecodeShare = LongPromptOptions.DecodeFirst });
        Engine("--model m --long-prompt --max-sequences 2000").LongPrompt.ShouldBe(usual with { ChunkTokens = 2000 }); // each sequence gets a row
        var smaller = Engine("--model m --long-prompt --step-tokens 256"); // both, or the larger one would count
        (smaller.StepTokens, smaller.LongPrompt).ShouldBe((256, usual with { ChunkTokens = 256 }));

        static EngineOptions Engine(string line) => Parse(line).ToEngineOptions(TimeProvider.System);
    }

    [Fact]
    public void Addons_reach_the_engine_and_their_names_the_replica()
    {
        Parse("--model m").ToEngineOptions(TimeProvider.System).Addons.ShouldBeNull();
        Parse("--model m --enable-addons").ToEngineOptions(TimeProvider.System).Addons.ShouldBe(new());
        var options = Parse("--model m --enable-addons --addon a/b=/x=y --addon=c=/z --max-addons 3 --max-addon-rank 32 --addon-memory-bytes 1000");
        options.Addons.ShouldBe([("a/b", "/x=y"), ("c", "/z")]);
        options.ToEngineOptions(TimeProvider.System).Addons.ShouldBe(new() { MaxLoaded = 3, MaxRank = 32, PoolBytes = 1000 });
        Parse("--engine simulated --enable-addons").ToSimulatedOptions().TakesAddons.ShouldBeTrue();
        Parse("--engine simulated").ToSimulatedOptions().TakesAddons.ShouldBeFalse();
        Parse("--model m --merge-addon /z").ToEngineOptions(TimeProvider.System).MergeAddon.ShouldBe("/z");
    }

    [Theory]
    [InlineData("--model m --addon a=/x", "--addon needs --enable-addons")]
    [InlineData("--model m --max-addons 2", "--max-addons needs --enable-addons")]
    [InlineData("--model m --enable-addons --addon /x", "--addon must be NAME=FOLDER")]
    [InlineData("--model m --enable-addons --addon a=", "--addon must be NAME=FOLDER")]
    [InlineData("--model m --enable-addons --addon a=/x --addon a=/y", "gives the name 'a' twice")]
    [InlineData("--model m --enable-addons --max-addons 0", "--max-addons must be an integer from 1 to 1024")]
    [InlineData("--engine simulated --enable-addons --max-addons 2", "--max-addons needs --engine stoker")]
    [InlineData("--engine simulated --merge-addon /x", "--merge-addon needs --engine stoker")]
    public void What_is_wrong_with_addons_is_said_before_the_start(string line, string message)
    {
        ReplicaArguments.TryParse(line.Split(' '), out _, out var error).ShouldBeFalse();
        error.ShouldContain(message);
    }

    [Fact]
    public void The_prefix_cache_is_on_and_can_be_switched_off_in_either_engine()
    {
        Parse("--model m").ToEngineOptions(TimeProvider.System).PrefixCache.ShouldBeTrue();
        Parse("--model m --prefix-cache on").ToEngineOptions(TimeProvider.System).PrefixCache.ShouldBeTrue();
        Parse("--model m --prefix-cache off").ToEngineOptions(TimeProvider.System).PrefixCache.ShouldBeFalse();
        Parse("--engine simulated --prefix-cache off").ToSimulatedOptions().PrefixCacheTokens.ShouldBe(0);
    }

    [Theory]
    [InlineData("", KvPrecision.Auto)]
    [InlineData(" --kv-precision auto", KvPrecision.Auto)]
    [InlineData(" --kv-precision f32", KvPrecision.F32)]
    [InlineData(" --kv-precision bf16", KvPrecision.Bf16)]
    [InlineData(" --kv-precision=fp8", KvPrecision.Fp8)]
    public void The_precision_of_keys_and_values_reaches_the_engine(string flag, KvPrecision expected) =>
        Parse("--model m" + flag).ToEngineOptions(TimeProvider.System).KvPrecision.ShouldBe(expected);

    [Fact]
    public void Every_kernel_set_can_be_forced_and_the_fastest_is_the_default()
    {
        Parse("--model m").ToEngineOptions(TimeProvider.System).KernelSet.ShouldBeNull();
        foreach (var name in EngineOptions.KernelSets)
        {
            Parse($"--model m --kernel-set {name}").ToEngineOptions(TimeProvider.System).KernelSet.ShouldBe(name);
            ReplicaArguments.Usage.ShouldContain(name);
        }
    }

    [Fact]
    public void Packed_models_and_locked_memory_reach_the_engine()
    {
        var options = Parse("--model m --packed require --lock-memory").ToEngineOptions(TimeProvider.System);
        (options.Packed, options.LockMemory).ShouldBe((PackedUse.Require, true));
        options = Parse("--model m").ToEngineOptions(TimeProvider.System);
        (options.Packed, options.LockMemory).ShouldBe((PackedUse.Auto, false));
        Parse("--model m --packed never").ToEngineOptions(TimeProvider.System).Packed.ShouldBe(PackedUse.Never);
    }

    [Fact]
    public void Speculation_reaches_the_engine()
    {
        Engine("--model m").ShouldBeNull();
        Engine("--model m --draft-token-count 0").ShouldBeNull();
        Engine("--model m --draft-model d --draft-token-count 4").ShouldBe(new() { DraftFolder = "d", DraftTokens = 4 });
        Engine("--model m --ngram-speculation-length 3 --draft-token-count 5 --adaptive-speculation off")
            .ShouldBe(new() { NgramLength = 3, DraftTokens = 5, Adaptive = false });
        Engine("--model m --draft-model d --draft-token-count 0")!.DraftTokens.ShouldBe(0);

        static SpeculationOptions? Engine(string line) => Parse(line).ToEngineOptions(TimeProvider.System).Speculation;
    }

    [Theory]
    [InlineData("", ThreadPinning.Auto)]
    [InlineData(" --pin-threads auto", ThreadPinning.Auto)]
    [InlineData(" --pin-threads on", ThreadPinning.On)]
    [InlineData(" --pin-threads off", ThreadPinning.Off)]
    public void The_binding_of_threads_reaches_the_engine(string flag, ThreadPinning expected) =>
        Parse("--model m" + flag).ToEngineOptions(TimeProvider.System).PinThreads.ShouldBe(expected);

    [Theory]
    [InlineData("", "--model")]
    [InlineData("--model m --prefix-cache yes", "--prefix-cache must be on or off, was 'yes'")]
    [InlineData("--model", "--model")]
    [InlineData("--model m --unknown 1", "--unknown")]
    [InlineData("--model m extra", "extra")]
    [InlineData("--model m --model n", "--model")]
    [InlineData("--model m --engine fast", "--engine")]
    [InlineData("--model m --threads -1", "--threads")]
    [InlineData("--model m --threads two", "--threads")]
    [InlineData("--model m --cores 0,x", "--cores")]
    [InlineData("--model m --context-length 0", "--context-length")]
    [InlineData("--model m --memory-bytes 1.5", "--memory-bytes")]
    [InlineData("--model m --kv-precision half", "--kv-precision must be auto, f32, bf16 or fp8, was 'half'")]
    [InlineData("--engine simulated --kv-precision fp8", "--kv-precision needs --engine stoker")]
    [InlineData("--model m --pin-threads yes", "--pin-threads must be on, off or auto, was 'yes'")]
    [InlineData("--engine simulated --pin-threads on", "--pin-threads needs --engine stoker")]
    [InlineData("--model m --lease-seconds NaN", "--lease-seconds")]
    [InlineData("--model m --lease-seconds -1", "--lease-seconds")]
    [InlineData("--model m --listen ftp://x", "--listen")]
    [InlineData("--model m --log-level loud", "--log-level")]
    [InlineData("--model m --detach", "--directory")]
    [InlineData("--model m --packed maybe", "--packed must be auto, never or require")]
    [InlineData("--model m --packed", "--packed")]
    [InlineData("--model m --lock-memory=yes", "--lock-memory")]
    [InlineData("--engine simulated --packed auto", "--packed needs --engine stoker")]
    [InlineData("--engine simulated --lock-memory", "--lock-memory needs --engine stoker")]
    [InlineData("--model m --simulate slots=1", "--engine simulated")]
    [InlineData("--model m --step-tokens 0", "--step-tokens")]
    [InlineData("--model m --step-milliseconds 60001", "--step-milliseconds")]
    [InlineData("--model m --precision int7", "--precision must be one of auto, f32, bf16, int8, fp8, fp4, was 'int7'")]
    [InlineData("--model m --kernel-set avx2", "--kernel-set must be one of emitted, vector512, vector256, portable, reference, was 'avx2'")]
    [InlineData("--engine simulated --kernel-set portable", "--kernel-set needs --engine stoker")]
    [InlineData("--engine simulated --precision int8", "--precision needs --engine stoker")]
    [InlineData("--engine simulated --step-milliseconds 50", "--step-milliseconds needs --engine stoker")]
    [InlineData("--engine simulated --step-tokens 50", "--step-tokens needs --engine stoker")]
    [InlineData("--model m --decode-share 0.5", "--decode-share needs --long-prompt.")]
    [InlineData("--model m --long-prompt --decode-share 0.04", "--decode-share must be a number from 0.05 to 0.95, was '0.04'.")]
    [InlineData("--model m --long-prompt --decode-share 1", "--decode-share must be a number from 0.05 to 0.95")]
    [InlineData("--model m --long-prompt --decode-share half", "--decode-share must be a number from 0.05 to 0.95")]
    [InlineData("--model m --long-prompt --decode-share", "--decode-share needs a value")]
    [InlineData("--model m --long-prompt=yes", "Unknown option '--long-prompt'")]
    [InlineData("--model m --long-prompt --step-milliseconds 50", "--step-milliseconds cannot be used with --long-prompt")]
    [InlineData("--engine simulated --long-prompt", "--long-prompt needs --engine stoker")]
    [InlineData("--engine simulated --long-prompt --decode-share 0.5", "needs --engine stoker")]
    [InlineData("--model m --draft-model d", "--draft-token-count is needed with --draft-model: 4 is usual, 0 is off.")]
    [InlineData("--model m --ngram-speculation-length 3", "--draft-token-count is needed with --ngram-speculation-length")]
    [InlineData("--model m --draft-model d --ngram-speculation-length 3 --draft-token-count 4", "--draft-model and --ngram-speculation-length cannot be used together")]
    [InlineData("--model m --draft-token-count 4", "--draft-token-count needs --draft-model or --ngram-speculation-length")]
    [InlineData("--model m --adaptive-speculation off", "--adaptive-speculation needs --draft-model or --ngram-speculation-length")]
    [InlineData("--model m --draft-model d --draft-token-count 17", "--draft-token-count must be an integer from 0 to 16")]
    [InlineData("--model m --ngram-speculation-length 33 --draft-token-count 4", "--ngram-speculation-length must be an integer from 0 to 32")]
    [InlineData("--model m --draft-token-count 0 --adaptive-speculation banana", "--adaptive-speculation must be on or off")]
    [InlineData("--model m --draft-model d --draft-token-count 4 --adaptive-speculation maybe", "--adaptive-speculation must be on or off")]
    [InlineData("--engine simulated --draft-model d --draft-token-count 4", "--draft-model needs --engine stoker")]
    [InlineData("--engine simulated --ngram-speculation-length 3 --draft-token-count 4", "needs --engine stoker")]
    [InlineData("--engine simulated --simulate slots=0", "slots=0")]
    [InlineData("--engine simulated --simulate speed=5", "speed=5")]
    [InlineData("--engine simulated --simulate slots", "slots")]
    public void Refuses_anything_else_and_names_it(string line, string named)
    {
        ReplicaArguments.TryParse(Split(line), out _, out var error).ShouldBeFalse();
        error.ShouldContain(named);
    }

    [Fact]
    public void The_usage_names_every_flag()
    {
        foreach (var flag in new[] { "--id", "--directory", "--model", "--served-model-name", "--listen", "--engine", "--threads", "--pin-threads", "--kernel-set", "--cores", "--precision", "--context-length", "--memory-bytes", "--kv-precision", "--max-sequences", "--prefix-cache", "--step-tokens", "--step-milliseconds", "--lease-seconds", "--log-level", "--simulate", "--detach", "--packed", "--lock-memory", "--draft-model", "--draft-token-count", "--ngram-speculation-length", "--adaptive-speculation", "--long-prompt", "--decode-share" })
        {
            ReplicaArguments.Usage.ShouldContain($"  {flag} ");
        }
    }

    private static ReplicaOptions Parse(string line)
    {
        ReplicaArguments.TryParse(Split(line), out var options, out var error).ShouldBeTrue(error);
        return options!;
    }

    private static string[] Split(string line) => line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
}
