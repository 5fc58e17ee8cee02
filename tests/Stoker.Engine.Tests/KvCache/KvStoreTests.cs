using Stoker.Engine.Kernels;
using Stoker.Engine.KvCache;
using Stoker.Engine.Models;
using Stoker.Engine.Tests.Kernels;

namespace Stoker.Engine.Tests.KvCache;

public class KvStoreTests
{
    private const int Dim = 40; // padded to 64: two value panels, one of them partly padding
    private static readonly ModelShape Shape = new(2, 32, 4, 2, Dim, 100, 512);

    [Theory]
    [InlineData("F32")]
    [InlineData("Bf16")]
    [InlineData("Fp8")]
    public void Every_position_of_every_layer_block_and_head_has_its_own_place(string format)
    {
        using var kv = new KvStore(Shape, 3, Enum.Parse<KvFormat>(format));
        foreach (var (layer, block, head, slot) in Places())
        {
            kv.Write(layer, block, slot, head, Row(layer, block, head, slot, 0), Row(layer, block, head, slot, 1));
        }

        foreach (var (layer, block, head, slot) in Places())
        {
            var (key, value) = Read(kv, layer, block, slot, head);
            key.ShouldBe(Row(layer, block, head, slot, 0), $"key {layer} {block} {head} {slot}");
            value.ShouldBe(Row(layer, block, head, slot, 1), $"value {layer} {block} {head} {slot}");
        }
    }

    /// <summary>Runs that begin and end in the middle of blocks and of pairs, on one thread and on three.</summary>
    [Theory]
    [InlineData("F32")]
    [InlineData("Bf16")]
    [InlineData("Fp8")]
    public void Rows_of_a_step_are_written_as_position_by_position(string format)
    {
        var random = new Random(3);
        foreach (var (threads, first, count) in new[] { (1, 0, 1), (1, 0, 32), (3, 0, 70), (3, 5, 3), (1, 31, 2), (3, 33, 60), (1, 7, 1) })
        {
            using var one = Filled(format);
            using var other = Filled(format);
            using var team = new ThreadTeam(threads) { MinimumWork = 0 };
            var (keys, values) = (TestMatrix.Values(count * 2 * Dim, random), TestMatrix.Values(count * 2 * Dim, random));
            var batch = new StepBatch(count, 1);
            batch.Add(new int[count], first, [2, 0, 1], LogitRows.None);
            new KvWriter(team, count).Write(batch, one, 1, keys, values);
            for (var row = 0; row < count; row++)
            {
                var (block, slot) = (batch.BlockTable(0)[(first + row) / 32], (first + row) % 32);
                for (var head = 0; head < 2; head++)
                {
                    var at = ((row * 2) + head) * Dim;
                    other.Write(1, block, slot, head, keys.AsSpan(at, Dim), values.AsSpan(at, Dim));
                }
            }

            foreach (var (layer, block, head, slot) in Places())
            {
                var (expected, actual) = (Read(other, layer, block, slot, head), Read(one, layer, block, slot, head));
                actual.Value.ShouldHaveTheBitsOf(expected.Value, $"{format}, {count} from {first}: value of slot {slot}");
                actual.Key.ShouldHaveTheBitsOf(expected.Key, $"{format}, {count} from {first}: key of slot {slot}");
            }
        }
    }

    [Theory]
    [InlineData("F32")]
    [InlineData("Bf16")]
    [InlineData("Fp8")]
    public void The_first_write_into_a_block_clears_what_an_earlier_owner_left_among_the_values(string format)
    {
        using var kv = new KvStore(Shape, 1, Enum.Parse<KvFormat>(format));
        var nan = Enumerable.Repeat(float.NaN, Dim).ToArray();
        for (var slot = 0; slot < KvStore.BlockSize; slot++) kv.Write(0, 0, slot, 1, nan, nan);
        Read(kv, 0, 0, 9, 1).Value.ShouldAllBe(value => float.IsNaN(value)); // a NaN is stored as one
        kv.Write(0, 0, 0, 1, Row(0, 0, 1, 0, 0), Row(0, 0, 1, 0, 1));
        for (var slot = 1; slot < KvStore.BlockSize; slot++) Read(kv, 0, 0, slot, 1).Value.ShouldBe(new float[Dim]);
        kv.Write(0, 0, 1, 1, Row(0, 0, 1, 1, 0), Row(0, 0, 1, 1, 1)); // a later one clears nothing
        Read(kv, 0, 0, 0, 1).Value.ShouldBe(Row(0, 0, 1, 0, 1));
    }

    [Theory]
    [InlineData("F32", 4)]
    [InlineData("Bf16", 2)]
    [InlineData("Fp8", 1)]
    public void Size_is_what_the_shape_says(string format, int elementBytes)
    {
        using var kv = new KvStore(Shape, 5, Enum.Parse<KvFormat>(format));
        kv.SizeBytes.ShouldBe(5 * KvStore.BlockSize * Shape.KvBytesPerToken(kv.Format));
        Shape.KvBytesPerToken(kv.Format).ShouldBe(2 * 2 * 2 * 64 * elementBytes);
    }

    [Theory]
    [InlineData(2, 0, 0, 0)]
    [InlineData(0, 5, 0, 0)]
    [InlineData(0, -1, 0, 0)]
    [InlineData(0, 0, 2, 0)]
    [InlineData(0, 0, 0, 32)]
    public void Places_outside_of_the_store_are_refused(int layer, int block, int head, int slot)
    {
        using var kv = new KvStore(Shape, 5, KvFormat.Bf16);
        var row = new float[Dim];
        Should.Throw<ArgumentOutOfRangeException>(() => kv.Write(layer, block, slot, head, row, row));
        Should.Throw<ArgumentOutOfRangeException>(() => kv.Read(layer, block, slot, head, row, row));
    }

    private static IEnumerable<(int Layer, int Block, int Head, int Slot)> Places() =>
        from layer in Enumerable.Range(0, 2)
        from block in Enumerable.Range(0, 3)
        from head in Enumerable.Range(0, 2)
        from slot in Enumerable.Range(0, KvStore.BlockSize)
        select (layer, block, head, slot);

    private static KvStore Filled(string format)
    {
        var kv = new KvStore(Shape, 3, Enum.Parse<KvFormat>(format));
        foreach (var (layer, block, head, slot) in Places())
        {
            kv.Write(layer, block, slot, head, Row(layer, block, head, slot, 0), Row(layer, block, head, slot, 1));
        }

        return kv;
    }

    private static (float[] Key, float[] Value) Read(KvStore kv, int layer, int block, int slot, int head)
    {
        var (key, value) = (new float[Dim], new float[Dim]);
        kv.Read(layer, block, slot, head, key, value);
        return (key, value);
    }

    /// <summary>Values that every format holds exactly: 16 magnitudes, their sign and a power of two.</summary>
    private static float[] Row(int layer, int block, int head, int slot, int kind)
    {
        var random = new Random((((((((layer * 3) + block) * 2) + head) * 32) + slot) * 2) + kind);
        return [.. Enumerable.Range(0, Dim).Select(_ => (8 + random.Next(8)) * MathF.ScaleB(random.Next(2) == 0 ? 1 : -1, random.Next(-6, 3)))];
    }
}
