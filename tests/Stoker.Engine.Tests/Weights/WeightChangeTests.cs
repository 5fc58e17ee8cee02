using Stoker.Engine.Kernels;
using Stoker.Engine.Weights;

namespace Stoker.Engine.Tests.Weights;

/// <summary>An addon that is merged is read weight by weight: however many there are, those in memory are a few for each thread.</summary>
public class WeightChangeTests
{
    private const int Weights = 40, Rows = 600, Columns = 64, Rank = 4; // 600 rows: three runs of panels

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Of_many_weights_few_changes_are_in_memory_and_none_afterwards(int threads)
    {
        using var folder = new TemporaryFolder();
        using var checkpoint = Open(folder);
        var (changes, most, reads, gate) = (new List<WeightChange>(), 0, 0, new Lock());
        for (var index = 0; index < Weights; index++) changes.Add(Change(checkpoint, index, Read));
        var items = changes.Select((change, index) => Item(checkpoint, index, change)).ToList();
        using var team = new ThreadTeam(threads);
        using var packed = WeightPacker.Pack("f32", items, team);

        reads.ShouldBe(Weights); // each once
        most.ShouldBeInRange(1, threads);
        changes.ShouldAllBe(change => !change.IsLoaded);
        foreach (var (item, index) in items.Select((item, index) => (item, index)))
        {
            Last(packed.Matrices[item.Name]).ShouldBe(1 + (0.5f * Rank * (index + 1) * 2), item.Name);
        }

        void Read()
        {
            lock (gate)
            {
                reads++;
                most = Math.Max(most, changes.Count(change => change.IsLoaded) + 1);
            }
        }
    }

    [Fact]
    public void One_that_cannot_be_read_ends_the_packing_with_its_reason()
    {
        using var folder = new TemporaryFolder();
        using var checkpoint = Open(folder);
        var broken = new WeightChange(Rank, Columns, 1, _ => throw new ModelLoadException("adapter_model.safetensors", "q_proj", "ended while its data was read"));
        using var team = new ThreadTeam(2);
        Should.Throw<ModelLoadException>(() => WeightPacker.Pack("f32", [Item(checkpoint, 0, broken)], team))
            .Message.ShouldBe("adapter_model.safetensors: q_proj: ended while its data was read");
    }

    /// <summary>W of ones, A of the weight's number, B of twos.</summary>
    private static Checkpoint Open(TemporaryFolder folder)
    {
        var file = new SafetensorsBuilder();
        for (var index = 0; index < Weights; index++)
        {
            file.Add($"w{index}", [Rows, Columns], Filled(Rows * Columns, 1));
            file.Add($"a{index}", [Rank, Columns], Filled(Rank * Columns, index + 1));
            file.Add($"b{index}", [Rows, Rank], Filled(Rows * Rank, 2));
        }

        File.WriteAllBytes(folder.File(Checkpoint.SingleFileName), file.Build());
        return Checkpoint.Open(folder.Path, WeightPlacement.Copied);
    }

    private static WeightChange Change(Checkpoint checkpoint, int index, Action read) => new(Rank, Columns, 0.5f, use =>
    {
        read();
        use(checkpoint.Matrix($"a{index}", Rank, Columns), checkpoint.Matrix($"b{index}", Rows, Rank));
    });

    private static PackItem Item(Checkpoint checkpoint, int index, WeightChange change) => new()
    {
        Name = $"item{index}",
        Format = WeightFormat.F32,
        Rows = Rows,
        Columns = Columns,
        Sources = [new(Checkpoint.SingleFileName, $"w{index}", checkpoint.Matrix($"w{index}", Rows, Columns).With(change))],
    };

    private static unsafe float Last(PanelMatrix matrix)
    {
        var row = new float[Columns];
        PanelReader.ReadRow(matrix.Format, matrix.Panel((Rows - 1) / PanelLayout.Rows), (Rows - 1) % PanelLayout.Rows, row);
        return row[^1];
    }

    private static float[] Filled(int count, float value)
    {
        var values = new float[count];
        Array.Fill(values, value);
        return values;
    }
}
