using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.KvCache;
using Stoker.Engine.Scheduling;

namespace Stoker.Engine.Tests.Scheduling;

/// <summary>
/// Random submissions, steps, ends, failures and cancellations on a cache that is much too small, with and without a
/// prefix cache, with drafts of which some are right.
/// </summary>
public sealed class SchedulerPropertyTests
{
    private static readonly StepLimits Limits = new(MaxSequences: 6, StepTokens: 12, BlockSize: 4, EchoRows: 3) { DraftRows = 5, PrefixShare = 0.3 };

    /// <summary>A cache's hash: its own, one with collisions in nearly every search, and one that is nothing but
    /// collisions.</summary>
    public static TheoryData<bool, int> Caches => new() { { false, 0 }, { true, 128 }, { true, 2 }, { true, 0 } };

    [Theory]
    [MemberData(nameof(Caches))]
    public void Whatever_happens_blocks_are_counted_hold_what_they_should_and_all_come_back(bool prefixes, int hashBits) =>
        Prop.ForAll<byte[]>(operations =>
        {
            var world = new World(prefixes, hashBits);
            foreach (var operation in operations) world.Do(operation);
            return world.RunToTheEnd();
        }).QuickCheckThrowOnFailure();

    [Theory]
    [MemberData(nameof(Caches))]
    public void Long_runs_end_too_and_find_prefixes_on_the_way(bool prefixes, int hashBits)
    {
        var cached = 0;
        Prop.ForAll<int>(seed =>
        {
            var operations = new byte[600];
            new Random(seed).NextBytes(operations);
            var world = new World(prefixes, hashBits);
            foreach (var operation in operations) world.Do(operation);
            var ended = world.RunToTheEnd();
            cached += world.BlocksFound;
            return ended;
        }).QuickCheckThrowOnFailure();
        (cached > 0).ShouldBe(prefixes);
    }

    private sealed class World
    {
        private const int Blocks = 10;
        private static readonly PrefixSpace[] Spaces = [PrefixSpace.Common, new("one", 0), new("other", 0), new("one", 7)];
        private readonly Engine.Scheduling.Scheduler _scheduler;
        private readonly PrefixCache? _prefixes;
        private readonly Dictionary<(long, int), int> _paths = []; // (prefix, token) -> prefix: what a position stands for
        private readonly int[] _content = new int[Blocks * Limits.BlockSize]; // as a forward pass would have written it
        private readonly SequenceState?[] _writers = new SequenceState?[Blocks];
        private readonly Dictionary<SequenceState, int> _right = []; // drafts of a sequence that will be accepted
        private readonly Random _drafts = new(1);
        private long _arrival;
        private int _group;

        public World(bool prefixes, int hashBits)
        {
            var (hash, mask) = (new SipHash(1, 2), (UInt128.One << hashBits) - 1); // 128 bits wrap around to all of them
            _prefixes = prefixes ? new(Blocks, Limits.BlockSize, (parent, tokens) => hash.Of(parent, tokens) & (hashBits == 128 ? UInt128.MaxValue : mask)) : null;
            _scheduler = new(new BlockPool(Blocks, _prefixes), Limits);
        }

        public int BlocksFound { get; private set; }

        private IEnumerable<SequenceState> All => _scheduler.Running.Concat(_scheduler.Waiting);

        public void Do(byte operation)
        {
            if (operation < 50) Submit(prompt: 1 + (operation % 20), output: 1 + (operation % 17), choices: 1 + (operation % 3 / 2 * 2));
            else if (operation < 64) End(operation, failed: false);
            else if (operation < 70) End(operation, failed: true);
            else Step();
            _scheduler.CheckIntegrity();
        }

        /// <summary>Everything ends, in no more steps than it has rows to compute, repetitions included.</summary>
        public bool RunToTheEnd()
        {
            var live = All.Sum(sequence => sequence.MaxTokenCount);
            var bound = (Limits.MaxPreemptions + 1) * live;
            for (var steps = 0; !_scheduler.IsEmpty; steps++)
            {
                if (steps > bound) return false;
                Step();
                _scheduler.CheckIntegrity();
            }
            return _scheduler.Pool.UsedCount == 0;
        }

        // Few spaces and few texts, so that prompts begin alike; the answers of choices differ.
        private void Submit(int prompt, int output, int choices)
        {
            _group++;
            var text = new Random(_group % 3);
            int[] tokens = [.. Enumerable.Range(0, prompt).Select(_ => text.Next(3))];
            for (var choice = 0; choice < choices; choice++)
            {
                var sequence = new PlainSequence(_arrival++, _group, prompt, prompt + output, new(_scheduler.Pool, Blocks))
                {
                    All = [.. tokens, .. Enumerable.Range(0, output).Select(index => (choice + index) % 3)],
                    Space = Spaces[_group / 3 % Spaces.Length],
                };
                if (_group % 4 == 0) sequence.PromptLogitsFrom = prompt / 2;
                _scheduler.Add(sequence);
            }
        }

        private void End(int which, bool failed)
        {
            var all = All.ToList();
            if (all.Count == 0) return;
            var sequence = all[which % all.Count];
            int[] blocks = [.. sequence.Table.Blocks.Where(block => _writers[block] == sequence)];
            _scheduler.Remove(sequence, failed);
            if (failed && _prefixes is not null) blocks.ShouldAllBe(block => !_prefixes.Has(block));
        }

        private void Step()
        {
            var waitingBefore = _scheduler.Waiting.ToList();
            Draft();
            var (alone, before) = (Plan(), Figures());
            Same(Plan(), alone);
            Figures().ShouldBe(before); // planning changes nothing
            var plan = _scheduler.Begin();
            Same(plan, alone);
            Check(plan, waitingBefore);
            Write(plan);
            _scheduler.Complete(plan);
            foreach (var rows in plan.Rows.ToList())
            {
                var sequence = rows.Sequence;
                Verify(rows);
                if (sequence.Gap > 0) continue;
                sequence.PromptLogitsFrom = int.MaxValue;
                if (++sequence.TokenCount > sequence.MaxTokenCount)
                {
                    sequence.TokenCount--;
                    _scheduler.Remove(sequence);
                }
            }
        }

        /// <summary>Some drafts for those that lack their last token alone, as far as blocks for them are lent.</summary>
        private void Draft()
        {
            var spare = _scheduler.BlocksForDrafts();
            var (free, before) = (_scheduler.Pool.FreeCount, spare);
            foreach (var sequence in _scheduler.Running.Cast<PlainSequence>().Where(sequence => sequence is { Gap: 1, PromptLogitsFrom: int.MaxValue }))
            {
                var wanted = Math.Min(_drafts.Next(6), sequence.MaxTokenCount - sequence.TokenCount - 1);
                sequence.Drafted = wanted > 0 ? _scheduler.Lend(sequence, wanted, ref spare) : 0;
                sequence.Drafted.ShouldBeInRange(0, Math.Max(wanted, 0));
                _right[sequence] = _drafts.Next(sequence.Drafted + 1);
            }

            if (before >= 0) spare.ShouldBeGreaterThanOrEqualTo(0);
            else _scheduler.Pool.FreeCount.ShouldBe(free); // where decodes lack blocks, drafts take none
        }

        private void Verify(PlannedRows rows)
        {
            var sequence = (PlainSequence)rows.Sequence;
            sequence.Drafted = 0;
            if (rows.Drafts > 0)
            {
                var accepted = Math.Min(_right[sequence], rows.Drafts);
                sequence.TokenCount += accepted;
                _scheduler.Accept(sequence, accepted);
            }

            _scheduler.ReturnLent(sequence);
        }

        /// <summary>A draft that is wrong is a token that the sequence never has there.</summary>
        private int TokenAt(SequenceState sequence, int position)
        {
            var draft = position - sequence.TokenCount;
            var token = ((PlainSequence)sequence).All[position];
            return draft >= 0 && draft >= _right[sequence] ? 3 + token : token;
        }

        /// <summary>The forward pass: each row sees, of its own sequence, every position before it.</summary>
        private void Write(StepPlan plan)
        {
            BlocksFound += plan.Found.Count;
            foreach (var (sequence, first, count, _) in plan.Rows)
            {
                var path = 0L;
                for (var position = 0; position < first + count; position++)
                {
                    path = Next(position == 0 ? -1 - Array.IndexOf(Spaces, sequence.Space) : path, TokenAt(sequence, position));
                    var block = sequence.Table.BlockSpan[position / Limits.BlockSize];
                    ref var slot = ref _content[(block * Limits.BlockSize) + (position % Limits.BlockSize)];
                    if (position < first)
                    {
                        Require(slot == path, "a row sees what is not its own sequence's");
                        continue;
                    }

                    slot = (int)path;
                    _writers[block] = sequence;
                    Require(_prefixes?.Has(block) is not true, "a block that others find is written to");
                    Require(HoldersBeside(sequence, block).All(other => other.Group == sequence.Group), "another request's block is written to");
                }
            }
        }

        private IEnumerable<SequenceState> HoldersBeside(SequenceState sequence, int block) =>
            _scheduler.Running.Where(other => other != sequence && other.Table.BlockSpan.Contains(block));

        // Shouldly builds its message, and compiles what it is given, also where all is well: too slow for every row.
        private static void Require(bool holds, string otherwise) => Assert.True(holds, otherwise);

        private int Next(long path, int token)
        {
            if (!_paths.TryGetValue((path, token), out var next)) _paths[(path, token)] = next = _paths.Count + 1;
            return next;
        }

        private StepPlan Plan()
        {
            var plan = new StepPlan();
            new StepPlanner(Limits).Plan([.. _scheduler.Running], [.. _scheduler.Waiting], _scheduler.Pool.FreeCount, _scheduler.Pool, plan);
            return plan;
        }

        private string Figures() => string.Join(' ', All.Select(sequence =>
            $"{sequence.Arrival}:{sequence.TokenCount}/{sequence.Computed}/{sequence.Table.Count}/{sequence.Preemptions}/{sequence.Reserved}"))
            + $" {_scheduler.Pool.FreeCount} {_scheduler.Pool.FindableCount}";

        private static void Same(StepPlan one, StepPlan other)
        {
            one.Preempt.ShouldBe(other.Preempt);
            one.Admit.ShouldBe(other.Admit);
            one.Found.ShouldBe(other.Found);
            one.Rows.ShouldBe(other.Rows);
        }

        private static void Check(StepPlan plan, List<SequenceState> waitingBefore)
        {
            plan.RowCount.ShouldBe(plan.Rows.Sum(rows => rows.Count));
            plan.RowCount.ShouldBeLessThanOrEqualTo(Limits.StepTokens);
            (plan.RowCount > 0 || plan.Preempt.Count > 0 || waitingBefore.Count == 0).ShouldBeTrue("a step without work");
            LogitRows(plan).ShouldBeLessThanOrEqualTo(Limits.LogitRows);
            plan.Rows.Select(rows => rows.Sequence).Distinct().Count().ShouldBe(plan.Rows.Count);
            (plan.Preempt.Count == 0 || plan.Admit.Count == 0).ShouldBeTrue("admitted in a step that preempted");
            foreach (var rows in plan.Rows)
            {
                rows.Count.ShouldBePositive();
                rows.FirstPosition.ShouldBe(rows.Sequence.Computed);
                plan.Preempt.ShouldNotContain(rows.Sequence);
            }
            foreach (var admission in plan.Admit.Where(admission => admission.ShareFrom is null))
            {
                (admission.SharedBlocks * Limits.BlockSize).ShouldBeLessThanOrEqualTo(
                    admission.Sequence.PromptLogitsFrom, "found what was asked to be computed");
            }
        }

        private static int LogitRows(StepPlan plan) => plan.Rows.Sum(rows => rows.Logits switch
        {
            WantedLogits.All => rows.Count,
            WantedLogits.Last => 1,
            _ => 0,
        });
    }
}
