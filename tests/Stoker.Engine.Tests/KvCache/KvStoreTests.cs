using Stoker.Engine.KvCache;
using Stoker.Engine.Models;

namespace Stoker.Engine.Tests.KvCache;

public class KvStoreTests
{
    private static readonly ModelShape Shape = new(2, 32, 4, 2, 8, 100, 512);

    [Fact]
    public void Keys_lie_transposed_and_values_straight_in_their_own_tile()
    {
        using var kv = new KvStore(Shape, 3);
        for (var layer = 0; layer < 2; layer++)
        {
            for (var block = 0; block < 3; block++)
            {
                for (var head = 0; head < 2; head++)
                {
                    for (var slot = 0; slot < KvStore.BlockSize; slot++)
                    {
                        kv.Write(layer, block, slot, head, Row(layer, block, head, slot, 0), Row(layer, block, head, slot, 1));
                    }
                }
            }
        }

        kv.KeyTile(1, 2, 1)[(5 * KvStore.BlockSize) + 7].ShouldBe(Row(1, 2, 1, 7, 0)[5]);
        kv.ValueTile(1, 2, 1)[(7 * 8) + 5].ShouldBe(Row(1, 2, 1, 7, 1)[5]);
        kv.KeyTile(0, 0, 0)[0].ShouldBe(Row(0, 0, 0, 0, 0)[0]); // later writes went elsewhere
    }

    [Fact]
    public void A_copied_block_has_everything_of_the_first_in_all_layers()
    {
        using var kv = new KvStore(Shape, 2);
        kv.Write(1, 0, 3, 1, Row(1, 0, 1, 3, 0), Row(1, 0, 1, 3, 1));
        kv.CopyBlock(0, 1);
        for (var dim = 0; dim < 8; dim++)
        {
            kv.KeyTile(1, 1, 1)[(dim * KvStore.BlockSize) + 3].ShouldBe(Row(1, 0, 1, 3, 0)[dim]);
            kv.ValueTile(1, 1, 1)[(3 * 8) + dim].ShouldBe(Row(1, 0, 1, 3, 1)[dim]);
        }
    }

    [Fact]
    public void Size_is_what_the_shape_says()
    {
        using var kv = new KvStore(Shape, 5);
        kv.SizeBytes.ShouldBe(5 * KvStore.BlockSize * Shape.KvBytesPerToken);
        Shape.KvBytesPerToken.ShouldBe(2 * 2 * 2 * 8 * 4);
    }

    [Theory]
    [InlineData(2, 0, 0)]
    [InlineData(0, 5, 0)]
    [InlineData(0, -1, 0)]
    [InlineData(0, 0, 2)]
    public void Tiles_outside_of_the_store_are_refused(int layer, int block, int head)
    {
        using var kv = new KvStore(Shape, 5);
        Should.Throw<ArgumentOutOfRangeException>(() => kv.KeyTile(layer, block, head).Length);
    }

    private static float[] Row(int layer, int block, int head, int slot, int kind) =>
        [.. Enumerable.Range(0, 8).Select(dim => (((((((layer * 3) + block) * 2) + head) * 16) + slot) * 2) + kind + (dim / 10f))];
}
