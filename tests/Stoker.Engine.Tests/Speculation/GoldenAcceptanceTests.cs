using System.Text.Json;
using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Engine.Scheduling;
using Stoker.Engine.Speculation;
using Stoker.Engine.Tokenization;
using Stoker.Testing;

namespace Stoker.Engine.Tests.Speculation;

/// <summary>Drafts of the draft model and of the EAGLE head are accepted exactly as often as in the reference.</summary>
public sealed class GoldenAcceptanceTests
{
    private const int DraftTokens = 4, Tokens = 64;

    [Theory]
    [InlineData("story-draft-400k")]
    [InlineData("story-3m-eagle")]
    public void Every_round_accepts_as_many_as_in_the_reference(string draft)
    {
        var golden = JsonDocument.Parse(File.ReadAllBytes(TestData.Golden(draft))).RootElement.GetProperty("speculative_decoding_with_story_3m");
        using var rounds = new Rounds(draft);
        var (total, accepted) = (0, 0);
        foreach (var prompt in golden.GetProperty("prompts").EnumerateArray())
        {
            var counts = rounds.Of(StoryEngine.Ids(prompt.GetProperty("input_ids")));
            counts.ToArray().ShouldBe(StoryEngine.Ids(prompt.GetProperty("accepted_per_round")), customMessage: prompt.GetProperty("text").GetString());
            counts.Count.ShouldBe(prompt.GetProperty("rounds").GetInt32());
            (DraftTokens * counts.Count).ShouldBe(prompt.GetProperty("drafted").GetInt32());
            counts.Sum().ShouldBe(prompt.GetProperty("accepted").GetInt32());
            (total, accepted) = (total + counts.Count, accepted + counts.Sum());
        }
        total.ShouldBe(golden.GetProperty("total_rounds").GetInt32());
        accepted.ShouldBe(golden.GetProperty("total_accepted").GetInt32());
    }

    /// <summary>A loop with both models, in the reference's arithmetic, turned by hand.</summary>
    private sealed class Rounds : IDisposable
    {
        private static readonly StepLimits Limits = new(MaxSequences: 1, StepTokens: 64, KvStore.BlockSize) { DraftRows = DraftTokens };
        private readonly ThreadTeam _team = new(1);
        private readonly DecoderModel _target;
        private readonly DecoderModel? _draft;
        private readonly EagleHead? _head;
        private readonly KvStore _kv;
        private readonly Tokenizer _tokenizer = Tokenizer.Load(TestData.Model("story-3m"));
        private readonly StepLoop _loop;
        private int _group;

        public Rounds(string draft)
        {
            var kernels = KernelSets.Choose("portable");
            _target = LanguageModel.Load(TestData.Model("story-3m"), kernels, _team);
            if (DraftModel.IsEagle(TestData.Model(draft)))
            {
                _target.KeepStates();
                _head = EagleHead.Load(TestData.Model(draft), _target, kernels, _team);
            }
            else
            {
                _draft = LanguageModel.Load(TestData.Model(draft), kernels, _team);
            }

            _kv = new(_target.Shape, 16, KvFormat.F32);
            var options = new EngineOptions { MaxSequences = 1, Speculation = new() { DraftTokens = DraftTokens, Adaptive = false } };
            _loop = new(_target, _kv, Limits, new TokenizerText(_tokenizer), new(), options, drafter: NewDrafter);
        }

        private IDrafter NewDrafter(BlockPool pool)
        {
            var kv = new KvStore(_draft?.Shape ?? _head!.Shape, pool.Count, KvFormat.F32);
            return _draft is null
                ? new EagleDrafter(_head!, kv, pool, Limits, _tokenizer.VocabularySize, TimeProvider.System)
                : new ModelDrafter(_draft, kv, pool, Limits, _tokenizer.VocabularySize, TimeProvider.System);
        }

        /// <summary>Accepted drafts by round. As the reference, it drafts from the prompt's last token on.</summary>
        public List<int> Of(int[] prompt)
        {
            var request = new GenerationRequest { PromptTokens = prompt, MaxTokens = Tokens + DraftTokens + 2, IgnoreEos = true, Sampling = new() { Temperature = 0 } };
            var door = new DoorFigures(_tokenizer.VocabularySize, _target.Shape.ContextLength, 16, KvStore.BlockSize, SamplingOptions.ApiDefaults);
            var state = new RequestState(request, AdmissionRules.Check(request, door), ++_group, 0, [], 1000);
            _loop.Add(state);
            var sequence = state.Choices[0];
            sequence.PromptLogitsFrom = prompt.Length - 1; // the first step ends before the last token
            _loop.Step();
            sequence.PromptLogitsFrom = int.MaxValue;
            var counts = new List<int>();
            while (state.CompletionTokens < Tokens)
            {
                var before = state.CompletionTokens;
                _loop.Step();
                counts.Add(state.CompletionTokens - before - 1);
            }
            _loop.Cancel(state);
            return counts;
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
    }
}
