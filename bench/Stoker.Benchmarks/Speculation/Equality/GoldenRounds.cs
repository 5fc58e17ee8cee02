using Stoker.Engine;
using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Engine.Scheduling;
using Stoker.Engine.Speculation;
using Stoker.Engine.Tokenization;

namespace Stoker.Benchmarks.Speculation.Equality;

/// <summary>Tokens and accepted drafts of each round.</summary>
internal sealed record GoldenAnswer(int[] Tokens, int[] AcceptedByRound);

/// <summary>The engine's step loop on story-3m with one drafter, in the reference's arithmetic and rounds, turned by hand.</summary>
internal sealed class GoldenRounds : IDisposable
{
    public const int DraftTokens = 4, Tokens = 64;

    private static readonly StepLimits Limits = new(MaxSequences: 1, StepTokens: 64, KvStore.BlockSize) { DraftRows = DraftTokens };
    private readonly ThreadTeam _team = new(1);
    private readonly DecoderModel _target;
    private readonly DecoderModel? _draft;
    private readonly EagleHead? _head;
    private readonly KvStore _kv;
    private readonly Tokenizer _tokenizer;
    private readonly StepLoop _loop;
    private int _group;

    public GoldenRounds(string target, string draft)
    {
        var kernels = KernelSets.Choose("portable");
        _tokenizer = Tokenizer.Load(target);
        _target = LanguageModel.Load(target, kernels, _team);
        if (DraftModel.IsEagle(draft))
        {
            _target.KeepStates();
            _head = EagleHead.Load(draft, _target, kernels, _team);
        }
        else
        {
            _draft = LanguageModel.Load(draft, kernels, _team);
        }

        _kv = new(_target.Shape, 16, KvFormat.F32);
        var options = new EngineOptions { MaxSequences = 1, Speculation = new() { DraftTokens = DraftTokens, Adaptive = false } };
        _loop = new(_target, _kv, Limits, new TokenizerText(_tokenizer), new(), options, drafter: NewDrafter);
    }

    /// <summary>Rounds until there are <see cref="Tokens"/>. As the reference, it drafts from the prompt's last token on.</summary>
    public GoldenAnswer Of(int[] prompt)
    {
        var request = new GenerationRequest { PromptTokens = prompt, MaxTokens = Tokens + DraftTokens + 2, IgnoreEos = true, Sampling = new() { Temperature = 0 } };
        var door = new DoorFigures(_tokenizer.VocabularySize, _target.Shape.ContextLength, 16, KvStore.BlockSize, SamplingOptions.ApiDefaults);
        var state = new RequestState(request, AdmissionRules.Check(request, door), ++_group, 0, [], 1000);
        _loop.Add(state);
        var sequence = state.Choices[0];
        sequence.PromptLogitsFrom = prompt.Length - 1; // the first step ends before the last token
        _loop.Step();
        sequence.PromptLogitsFrom = int.MaxValue;
        var accepted = new List<int>();
        while (state.CompletionTokens < Tokens)
        {
            var before = state.CompletionTokens;
            _loop.Step();
            accepted.Add(state.CompletionTokens - before - 1);
        }

        int[] tokens = [.. sequence.Tokens[prompt.Length..(prompt.Length + Tokens)]];
        _loop.Cancel(state);
        return new(tokens, [.. accepted]);
    }

    public void Dispose()
    {
        _loop.Dispose();
        _kv.Dispose();
        _draft?.Dispose();
        _head?.Dispose();
        _target.Dispose();
        _team.Dispose();
    }

    private IDrafter NewDrafter(BlockPool pool)
    {
        var kv = new KvStore(_draft?.Shape ?? _head!.Shape, pool.Count, KvFormat.F32);
        return _draft is null
            ? new EagleDrafter(_head!, kv, pool, Limits, _tokenizer.VocabularySize, TimeProvider.System)
            : new ModelDrafter(_draft, kv, pool, Limits, _tokenizer.VocabularySize, TimeProvider.System);
    }
}
