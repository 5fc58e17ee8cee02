using System.Buffers.Binary;
using System.Text;
using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.Weights;
using TestData = Stoker.Testing.TestData;

namespace Stoker.Engine.Tests.Weights;

/// <summary>
/// Whatever the bytes say, a header ends in tensors inside the file or in a load error with the reason.
/// </summary>
public class SafetensorsHeaderTests
{
    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"a":{"dtype":"F32","shape":[],"data_offsets":[8,12]}}""", "a: is listed twice")]
    [InlineData("""{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "a: has the same key twice")]
    [InlineData("""{"a":{"dtype":"F33","shape":[2],"data_offsets":[0,8]}}""", "a: dtype 'F33' is not known")]
    [InlineData("""{"a":{"dtype":1,"shape":[2],"data_offsets":[0,8]}}""", "a: dtype must be a string")]
    [InlineData("""{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,8]}}""", "do not hold F32 [3]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[-2],"data_offsets":[0,8]}}""", "a: shape must hold integers from 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2.0],"data_offsets":[0,8]}}""", "a: shape must hold integers from 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[99999999999999999999],"data_offsets":[0,8]}}""", "a: shape must hold integers from 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4294967296,4294967296],"data_offsets":[0,8]}}""", "is too large to address")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2305843009213693952],"data_offsets":[0,8]}}""", "is too large to address")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1,1,1,1,1,1,1,1,1,2],"data_offsets":[0,8]}}""", "a: shape has more than 8 entries")]
    [InlineData("""{"a":{"dtype":"F4","shape":[3],"data_offsets":[0,8]}}""", "do not hold F4 [3], which takes 12 bits")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[8,0]}}""", "bytes 8..0 do not hold")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0]}}""", "needs dtype, shape and data_offsets [begin, end]")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,4,8]}}""", "data_offsets has more than 2 entries")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2]}}""", "needs dtype, shape and data_offsets")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8],"x":1}}""", "has a key besides")]
    [InlineData("""{"a":7}""", "a: must be an object")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}""", "end at data byte 4, but the file has 8")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}}""", "starts at byte 4, but the tensor before it ends at 0")]
    [InlineData("""{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "no holes, no overlaps")]
    [InlineData("""{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}""", "the file is cut or has a tail")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[9223372036854775800,9223372036854775807]}}""", "do not hold")]
    [InlineData("""{"__metadata__":{"format":1}}""", "__metadata__: must map strings to strings only")]
    [InlineData("""{"__metadata__":{},"__metadata__":{}}""", "__metadata__: is there twice")]
    [InlineData("""{"\ud800":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "the header is not valid JSON")]
    [InlineData("""{"a":{"dtype":"F32","shape":[[2]],"data_offsets":[0,8]}}""", "")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} x""", "the header is not valid JSON")]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}""", "the header is not valid JSON")]
    [InlineData("""[]""", "does not start with '{'")]
    [InlineData("", "does not start with '{'")]
    public void Hostile_header_is_refused_with_its_reason(string json, string reason) =>
        Should.Throw<ModelLoadException>(() => Parse(Encoding.UTF8.GetBytes(json), 8)).Message.ShouldContain(reason);

    [Theory]
    [InlineData("""{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}      """, "a")]
    [InlineData("""{"b":{"shape":[],"data_offsets":[4,8],"dtype":"F32"},"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}}""", "a b")]
    [InlineData("""{"__metadata__":{"format":"pt"},"a":{"dtype":"F4","shape":[16],"data_offsets":[0,8]}}""", "a")]
    [InlineData("""{"z":{"dtype":"F32","shape":[0,7],"data_offsets":[0,0]},"a":{"dtype":"I64","shape":[1],"data_offsets":[0,8]}}""", "a z")]
    [InlineData("""{"\u0061":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""", "a")]
    public void Any_order_scalars_empty_tensors_and_padding_are_fine(string json, string names) =>
        string.Join(' ', Parse(Encoding.UTF8.GetBytes(json), 8).Tensors.Keys.Order(StringComparer.Ordinal)).ShouldBe(names);

    [Fact]
    public void Bytes_that_are_not_utf8_are_refused()
    {
        var json = Encoding.UTF8.GetBytes("""{"aaaa":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""");
        json[3] = 0xFF;
        Should.Throw<ModelLoadException>(() => Parse(json, 8)).Reason.ShouldBe("the header is not valid UTF-8");
    }

    [Theory]
    [InlineData(100_000_001UL, 200_000_000, "at most 100000000")]
    [InlineData(ulong.MaxValue, 100, "at most 100000000")]
    [InlineData(93UL, 100, "the file is cut")]
    public void Header_length_beyond_limit_or_file_is_refused(ulong length, long fileLength, string reason)
    {
        var prefix = new byte[8];
        BinaryPrimitives.WriteUInt64LittleEndian(prefix, length);
        Should.Throw<ModelLoadException>(() => SafetensorsHeader.HeaderLength("f", prefix, fileLength)).Reason.ShouldContain(reason);
        Should.Throw<ModelLoadException>(() => SafetensorsHeader.HeaderLength("f", prefix.AsSpan(0, 5), 5)).Reason.ShouldContain("8-byte length");
    }

    [Fact]
    public void Very_many_tensors_are_refused()
    {
        var json = new StringBuilder("{");
        for (var i = 0; i <= SafetensorsHeader.MaxTensors; i++)
        {
            json.Append(System.Globalization.CultureInfo.InvariantCulture, $"\"{i}\":{{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]}},");
        }

        json[^1] = '}';
        Should.Throw<ModelLoadException>(() => Parse(Encoding.UTF8.GetBytes(json.ToString()), 0)).Reason.ShouldContain("200000");
    }

    /// <summary>A real header with some bytes changed, removed or doubled.</summary>
    [Fact]
    public void Damaged_header_is_either_refused_or_still_inside_the_file()
    {
        var file = File.ReadAllBytes(Path.Combine(TestData.Model("story-3m-lora-bolt"), "adapter_model.safetensors"));
        var header = file.AsSpan(8, (int)BinaryPrimitives.ReadInt64LittleEndian(file)).ToArray();
        var dataBytes = file.Length - 8 - header.Length;
        var edits = Gen.Choose(0, int.MaxValue - 1).ArrayOf(3).ToArbitrary();
        Prop.ForAll(edits, seeds =>
        {
            var damaged = header.ToList();
            foreach (var seed in seeds)
            {
                Damage(damaged, new Random(seed));
            }

            return IsRefusedOrInside([.. damaged], dataBytes);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    /// <summary>
    /// Numbers replaced by others that look like sizes: reaches the arithmetic more often than random bytes do.
    /// </summary>
    [Fact]
    public void Changed_numbers_are_either_refused_or_still_inside_the_file()
    {
        var numbers = Gen.OneOf(
            Gen.Choose(0, 40).Select(value => (long)value),
            Gen.Choose(0, 62).Select(bit => 1L << bit),
            Gen.Choose(0, 8).Select(value => long.MaxValue - value));
        var arbitrary = numbers.ArrayOf(6).ToArbitrary();
        Prop.ForAll(arbitrary, n => IsRefusedOrInside(
            Encoding.UTF8.GetBytes(
                $$$"""
                {"a":{"dtype":"F32","shape":[{{{n[0]}}},{{{n[1]}}}],"data_offsets":[0,{{{n[2]}}}]},
                 "b":{"dtype":"BF16","shape":[{{{n[3]}}}],"data_offsets":[{{{n[4]}}},{{{n[5]}}}]}}
                """), 64)).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    private static void Damage(List<byte> bytes, Random random)
    {
        var at = random.Next(bytes.Count);
        switch (random.Next(4))
        {
            case 0:
                bytes[at] = (byte)random.Next(256);
                break;
            case 1:
                bytes.RemoveRange(at, Math.Min(random.Next(1, 60), bytes.Count - at));
                break;
            case 2:
                bytes.InsertRange(at, bytes.GetRange(at, Math.Min(random.Next(1, 120), bytes.Count - at)));
                break;
            default:
                bytes[at] = (byte)"0123456789[]{},:\""[random.Next(17)];
                break;
        }

        if (bytes.Count == 0)
        {
            bytes.Add((byte)'{');
        }
    }

    private static bool IsRefusedOrInside(byte[] json, long dataBytes)
    {
        try
        {
            var header = Parse(json, dataBytes);
            return header.Tensors.Values.Sum(tensor => tensor.End - tensor.Begin) == dataBytes
                && header.Tensors.Values.All(tensor => tensor.Begin >= 0 && tensor.End <= dataBytes
                    && tensor.ElementCount * tensor.Type.Bits() == (tensor.End - tensor.Begin) * 8);
        }
        catch (ModelLoadException)
        {
            return true;
        }
    }

    private static SafetensorsHeader Parse(byte[] json, long dataBytes) =>
        SafetensorsHeader.Parse("f", json, SafetensorsHeader.PrefixBytes + json.Length + dataBytes);
}
