using System.IO.Compression;
using Stoker.Api.Problems;
using Stoker.Simulation.Traces;

namespace Stoker.Simulation.Tests.Traces;

public class TraceSourceTests
{
    private const string Azure = "TIMESTAMP,ContextTokens,GeneratedTokens\n";
    private const string Own = "seconds,prompt_tokens,generated_tokens\n";
    private const string Rates = "client,t_s,rate_rps,cv,pattern,param1,param2\n";
    private const string Mooncake = """{"timestamp": 0, "input_length": 6, "output_length": 5, "hash_ids": [1]}""" + "\n";

    [Fact]
    public void Azure_times_count_from_the_first_row()
    {
        var trace = Read(Azure + "2023-11-16 23:59:59.9000000,374,44\n2023-11-17 00:00:00.1500001,396,109");
        trace.Arrivals.ShouldBe([new(TimeSpan.Zero, 374, 44), new(TimeSpan.FromTicks(2_500_001), 396, 109)]);
        trace.Span.ShouldBe(trace.Arrivals[^1].At);
    }

    [Fact]
    public void Arrivals_of_ones_own_are_times_and_lengths() =>
        Read(Own + "0,10,5\n1.5,20,1\n1.5,30,2\n").Arrivals
            .ShouldBe([new(TimeSpan.Zero, 10, 5), new(TimeSpan.FromSeconds(1.5), 20, 1), new(TimeSpan.FromSeconds(1.5), 30, 2)]);

    [Fact]
    public void Mooncake_keeps_the_keys_of_full_blocks()
    {
        var trace = Read("""
            {"timestamp": 0, "input_length": 1100, "output_length": 5, "hash_ids": [7, 8, 9]}
            {"timestamp": 250, "input_length": 512, "output_length": 1, "hash_ids": [7]}
            """);
        trace.Arrivals.Select(arrival => (arrival.At.TotalMilliseconds, arrival.PromptTokens, arrival.GeneratedTokens)).ShouldBe([(0.0, 1100, 5), (250.0, 512, 1)]);
        trace.Arrivals[0].Blocks.ShouldBe([7UL, 8UL]); // 9 is only begun
        trace.Arrivals[1].Blocks.ShouldBe([7UL]);
    }

    [Theory]
    [InlineData(Azure + "2023-11-16 18:15:46.6805900,374\n", 2, "expected 3 values")]
    [InlineData(Azure + "2023-11-16 18:15:46,3,4\n2023-11-16 18:15:4x,374,44\n", 3, "TIMESTAMP must be like")]
    [InlineData(Azure + "2023-11-16 18:15:46,0,4\n", 2, "ContextTokens must be a whole number from 1")]
    [InlineData(Azure + "2023-11-16 18:15:46,3,4.0\n", 2, "GeneratedTokens must be a whole number from 1")]
    [InlineData(Azure + "2023-11-16 18:15:46,3,99999999999\n", 2, "GeneratedTokens")]
    [InlineData(Azure + "2023-11-16 18:15:46,3,4\n2023-11-16 18:15:45,3,4\n", 3, "in order of time")]
    [InlineData(Azure + "2023-11-16 18:15:46,3,4\n\n", 3, "expected 3 values")]
    [InlineData(Azure, 1, "has no requests")]
    [InlineData(Own + "0,1,1\n-1,1,1\n", 3, "seconds must be a number from 0")]
    [InlineData(Own + "NaN,1,1\n", 2, "seconds must be a number from 0")]
    [InlineData(Own + "0,1,1,secret prompt\n", 2, "expected 3 values")]
    [InlineData(Own + "0,one,1\n", 2, "prompt_tokens must be a whole number from 1")]
    [InlineData(Own + "0,1, 1\n", 2, "generated_tokens must be a whole number from 1")]
    [InlineData(Own + "5,1,1\n4.9,1,1\n", 3, "in order of time")]
    [InlineData(Mooncake + "{\"timestamp\": 1", 2, "no JSON")]
    [InlineData(Mooncake + "[]", 2, "expected a JSON object")]
    [InlineData(Mooncake + """{"timestamp": 1, "input_length": 1, "hash_ids": []}""", 2, "output_length must be")]
    [InlineData(Mooncake + """{"timestamp": 1, "input_length": "1", "output_length": 1, "hash_ids": []}""", 2, "input_length must be")]
    [InlineData(Mooncake + """{"timestamp": 1, "input_length": 1, "output_length": 1, "hash_ids": [-1]}""", 2, "hash_ids must be")]
    [InlineData(Mooncake + """{"timestamp": 1, "input_length": 1, "output_length": 1}""", 2, "hash_ids must be")]
    [InlineData("prompt,answer\n", 1, "unknown format")]
    public void A_malformed_line_is_refused_with_its_number(string text, int line, string message) =>
        Refused(text).ShouldSatisfyAllConditions(
            problem => problem.Code.ShouldBe(Code.InvalidArgument),
            problem => problem.Message.ShouldStartWith($"test line {line}: "),
            problem => problem.Message.ShouldContain(message));

    [Theory]
    [InlineData(Rates + "a,0,1,1,G,1\n", 2, "expected 7 values")]
    [InlineData(Rates + "a,0,x,1,G,1,1\n", 2, "rate_rps must be a number")]
    [InlineData(Rates + "a,0,1,1,P,1,1\n", 2, "pattern must be G")]
    [InlineData(Rates + "a,0,1,1,G,1,1\na,599,1,1,G,1,1\n", 3, "does not begin after")]
    [InlineData(Rates + ",0,1,1,G,1,1\n", 2, "client is empty")]
    [InlineData(Rates, 1, "has no clients")]
    public void A_malformed_line_of_rates_is_refused_with_its_number(string text, int line, string message) =>
        Refused(text, client: "a").Message.ShouldSatisfyAllConditions(
            said => said.ShouldStartWith($"test line {line}: "),
            said => said.ShouldContain(message));

    [Fact]
    public void An_empty_file_is_refused() => Refused("").Message.ShouldStartWith("test is empty; a trace begins with");

    [Fact]
    public void A_set_of_clients_asks_for_one_of_them()
    {
        const string Set = Rates + "a,0,1,1,G,1,1\nb,600,1,1,G,1,1\n";
        Refused(Set).Message.ShouldBe("test is a set of 2 clients: choose one with --client, such as a, b");
        Refused(Set, "c").Message.ShouldBe("test has no client 'c'; it has a, b");
        Refused(Own + "0,1,1\n", "a").Message.ShouldContain("leave out the client");
    }

    [Theory]
    [InlineData("azure-conv", 19_366, 58.4)]
    [InlineData("azure-code", 8_819, 57.3)]
    [InlineData("mooncake-conversation", 11_866, 58.2)]
    [InlineData("mooncake-synthetic", 3_993, 17.0)]
    public void A_bundled_trace_is_whole(string name, int requests, double minutes)
    {
        var trace = TraceSource.Open(name, client: null, seed: 1).Value;
        trace.Arrivals.Count.ShouldBe(requests);
        trace.Span.TotalMinutes.ShouldBe(minutes, 0.05);
    }

    [Theory]
    [InlineData("servegen-m-large", 135, 14.0)]
    [InlineData("servegen-deepseek-r1", 73, 1.0)]
    public void A_bundled_set_is_whole(string name, int clients, double days)
    {
        var table = TraceSource.OpenRates(name).Value;
        table.Clients.Count.ShouldBe(clients);
        table.Span.TotalDays.ShouldBe(days);
        table.Sparse(0.1).Count().ShouldBeInRange(1, clients - 1);
    }

    [Fact]
    public void A_name_that_is_nothing_is_refused_with_what_there_is() =>
        TraceSource.Open("azure", client: null, seed: 1).Problem!.Message.ShouldContain("bundled are azure-conv, azure-code");

    [Fact]
    public void A_file_may_be_compressed()
    {
        var path = Path.GetTempFileName();
        try
        {
            using (var text = new StreamWriter(new GZipStream(File.Create(path), CompressionLevel.Fastest))) text.Write(Own + "3,1,1\n");
            TraceSource.Open(path, client: null, seed: 1).Value.Arrivals.ShouldHaveSingleItem().At.ShouldBe(TimeSpan.FromSeconds(3));
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static Trace Read(string text) => TraceSource.Read("test", new StringReader(text)).Value;

    private static Problem Refused(string text, string? client = null) =>
        TraceSource.Read("test", new StringReader(text), client).Problem.ShouldNotBeNull();
}
