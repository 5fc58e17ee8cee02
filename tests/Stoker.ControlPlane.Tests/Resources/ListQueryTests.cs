using FsCheck;
using FsCheck.Fluent;
using Microsoft.AspNetCore.Http;
using Stoker.Api.Problems;
using Stoker.Api.Resources;
using Stoker.ControlPlane.Resources;

namespace Stoker.ControlPlane.Tests.Resources;

public class ListQueryTests
{
    private static readonly Listing<ModelResource> Listing = new(WireJson.Context.ModelResource, model => model.Name, "name")
    {
        OwnParameters = ["showDeleted"],
    };

    private static readonly ModelResource[] Models =
    [
        .. Enumerable.Range(0, 7).Select(i => new ModelResource { Name = $"m-{i}", ContextLength = i % 3 == 0 ? null : i % 3, State = i < 5 ? "READY" : "UPLOADING" }),
    ];

    [Fact]
    public void Without_parameters_all_come_by_name()
    {
        var page = Query("").Of(Models.Reverse());

        (Names(page), page.NextPageToken, page.TotalSize).ShouldBe(("m-0 m-1 m-2 m-3 m-4 m-5 m-6", null, 7));
    }

    [Theory]
    [InlineData("", 50)]
    [InlineData("?pageSize=0", 50)]
    [InlineData("?pageSize=7", 7)]
    [InlineData("?pageSize=200", 200)]
    [InlineData("?pageSize=201", 200)]
    [InlineData("?pageSize=2147483647", 200)]
    public void The_page_size_has_a_default_and_a_limit(string query, int expected) =>
        Query(query).Of(Enumerable.Range(0, 300).Select(i => new ModelResource { Name = $"m-{i:000}" })).Items.Count.ShouldBe(expected);

    [Theory]
    [InlineData("?orderBy=context_length", "m-0 m-3 m-6 m-1 m-4 m-2 m-5")]
    [InlineData("?orderBy=contextLength%20desc", "m-2 m-5 m-1 m-4 m-0 m-3 m-6")]
    [InlineData("?orderBy=context_length%20desc,name%20desc", "m-5 m-2 m-4 m-1 m-6 m-3 m-0")]
    [InlineData("?orderBy=state,name", "m-0 m-1 m-2 m-3 m-4 m-5 m-6")]
    [InlineData("?filter=state=UPLOADING&orderBy=name%20desc", "m-6 m-5")]
    public void Order_and_filter(string query, string expected) => Names(Query(query).Of(Models)).ShouldBe(expected);

    [Theory]
    [InlineData("?pageSize=-1", "page_size")]
    [InlineData("?pageSize=1.5", "page_size")]
    [InlineData("?pageSize=99999999999", "page_size")]
    [InlineData("?pageToken=%21%21", "page_token")]
    [InlineData("?pageToken=e30", "page_token")]
    [InlineData("?orderBy=name%20up", "order_by")]
    [InlineData("?orderBy=name,", "order_by")]
    [InlineData("?orderBy=supported_precisions", "order_by")]
    [InlineData("?orderBy=nosuch", "order_by")]
    [InlineData("?orderBy=name,name,name,name,name,name,name,name,name", "order_by")]
    [InlineData("?filter=nosuch=1", "filter")]
    [InlineData("?readMask=nosuch", "read_mask")]
    public void A_bad_parameter_is_refused_by_name(string query, string field)
    {
        var problem = From(query).Problem!;

        (problem.Code, problem.Violations.Single().Field).ShouldBe((Code.InvalidArgument, field));
    }

    [Theory]
    [InlineData("?pagesize=5", "'pagesize' is not known")]
    [InlineData("?filter=state=READY&filter=state=X", "2 times")]
    public void An_unknown_or_repeated_parameter_is_refused(string query, string reason) =>
        From(query).Problem!.Message.ShouldContain(reason);

    [Theory]
    [InlineData("?pageSize=2&filter=state=READY", "?pageSize=2&filter=state=READY&orderBy=name%20desc&pageToken=")]
    [InlineData("?pageSize=2&filter=state=READY", "?pageSize=2&pageToken=")]
    [InlineData("?pageSize=2", "?pageSize=2&showDeleted=true&pageToken=")]
    public void A_token_continues_only_the_list_that_issued_it(string first, string other)
    {
        var token = Query(first).Of(Models).NextPageToken;

        From(other + token).Problem!.Message.ShouldContain("does not belong to this list");
        ListQuery.From(Parameters($"{first}&pageToken={token}"), "accounts/b", Listing).Problem!.Message.ShouldContain("does not belong");
        From($"{first.Replace("pageSize=2", "pageSize=3", StringComparison.Ordinal)}&pageToken={token}").Problem.ShouldBeNull(); // the size may change
    }

    [Fact]
    public void A_page_goes_on_behind_the_last_name_though_rows_came_and_went()
    {
        var token = Query("?pageSize=3").Of(Models).NextPageToken;
        var later = Models.Where(model => model.Name != "m-1" && model.Name != "m-2").Append(new ModelResource { Name = "m-00" }).Append(new ModelResource { Name = "m-35" });

        Names(Query($"?pageSize=3&pageToken={token}").Of(later)).ShouldBe("m-3 m-35 m-4");
    }

    [Fact]
    public void Pages_together_are_the_whole_list_for_any_size_and_order()
    {
        var orders = Gen.Elements("name", "name desc", "context_length", "context_length desc", "create_time,name", "public desc,context_length");
        var records = Gen.Choose(0, 4).SelectMany(length => Gen.Choose(0, 2).Select(day => (length, day))).ListOf();
        Prop.ForAll(Arb.From(records), Arb.From(orders), Arb.From(Gen.Choose(1, 5)), (rows, order, size) =>
        {
            var models = rows.Select((row, i) => new ModelResource
            {
                Name = $"m-{i:00}",
                ContextLength = row.length == 0 ? null : row.length,
                CreateTime = row.day == 0 ? null : new DateTimeOffset(2030, 1, row.day, 0, 0, 0, TimeSpan.Zero),
                Public = row.day == 1,
            }).ToList();
            var (names, token) = (new List<string>(), "");
            do
            {
                var page =
                    Query($"?pageSize={size}&orderBy={Uri.EscapeDataString(order)}&pageToken={token}").Of(models);
                names.AddRange(page.Items.Select(model => model.Name!));
                token = page.NextPageToken;
            }
            while (token is not null);

            return names.SequenceEqual(Query($"?pageSize=200&orderBy={Uri.EscapeDataString(order)}").Of(models).Items.Select(model => model.Name!));
        }).QuickCheckThrowOnFailure();
    }

    [Fact]
    public void A_read_mask_leaves_its_fields()
    {
        var model = new ModelResource { Name = "m", State = "READY", BaseModelDetails = new() { Moe = true, ParameterCount = 5 } };

        var shown = Query("?readMask=name,base_model_details.moe").Of([model]).Items.Single();

        shown.ShouldBe(new ModelResource { Name = "m", BaseModelDetails = new() { Moe = true } });
        Query("?readMask=*").Of([model]).Items.Single().ShouldBe(model);
    }

    private static ListQuery<ModelResource> Query(string query) => From(query).Value;

    private static Result<ListQuery<ModelResource>> From(string query) =>
        ListQuery.From(Parameters(query), "accounts/a", Listing);

    private static IQueryCollection Parameters(string query)
    {
        var context = new DefaultHttpContext();
        context.Request.QueryString = new QueryString(query);
        return context.Request.Query;
    }

    private static string Names(Page<ModelResource> page) => string.Join(' ', page.Items.Select(model => model.Name));
}
