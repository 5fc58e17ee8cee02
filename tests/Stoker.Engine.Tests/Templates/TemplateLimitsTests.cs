using System.Text.Json;
using FsCheck;
using FsCheck.Fluent;
using Stoker.Engine.Templates;

namespace Stoker.Engine.Tests.Templates;

/// <summary>
/// A hostile template ends in an error fit for the caller: never in a crash, endless work or all the memory.
/// </summary>
public class TemplateLimitsTests
{
    /// <summary>Small enough that a broken limit shows as a failed test and not as a slow one.</summary>
    private static readonly TemplateLimits Small = new()
    {
        Steps = 20_000,
        StringCharacters = 10_000,
        TextWork = 100_000,
        ListItems = 1_000,
    };

    [Theory]
    [InlineData("{{ 'x' * 10**9 }}", "longer than 10000 characters")]
    [InlineData("{{ 'x' * 10**18 }}", "longer than 10000 characters")]
    [InlineData("{{ 'ab' * 9223372036854775807 }}", "longer than 10000 characters")]
    [InlineData("{{ 'x'.ljust(10**9) }}", "longer than 10000 characters")]
    [InlineData("{{ 'x'|center(10**9) }}", "longer than 10000 characters")]
    [InlineData("{{ 'x'.zfill(10**9) }}", "longer than 10000 characters")]
    [InlineData("{{ 'x'|indent(10**9) }}", "longer than 10000 characters")]
    [InlineData("{{ '%999999999d' % 1 }}", "longer than 10000 characters")]
    [InlineData("{{ '%*d' % (10**9, 1) }}", "longer than 10000 characters")]
    [InlineData("{{ '%.999999f' % 1.0 }}", "longer than 10000 characters")]
    [InlineData("{{ '%.9999f' % 1.0 }}", "precision is at most 100")]
    [InlineData("{{ '{:999999999}'.format(1) }}", "longer than 10000 characters")]
    [InlineData("{{ '{:99999999999999999999}'.format(1) }}", "longer than 10000 characters")]
    [InlineData("{{ [1]|tojson(indent=10**9) }}", "indent is at most 100")]
    [InlineData("{{ range(10**9) }}", "a list has 1000000000 items; at most 1000 are allowed")]
    [InlineData("{{ range(-9223372036854775807, 9223372036854775807) }}", "at most 1000 are allowed")]
    [InlineData("{{ [1] * 10**9 }}", "at most 1000 are allowed")]
    [InlineData("{{ [1, 2] * 9223372036854775807 }}", "at most 1000 are allowed")]
    [InlineData("{{ [1]|batch(10**9, 'x')|list }}", "at most 1000 are allowed")]
    [InlineData("{{ [1]|slice(10**9)|list }}", "at most 1000 are allowed")]
    [InlineData("{{ ('x' * 5000).split('x') }}", "at most 1000 are allowed")]
    [InlineData("{{ ('x' * 5000)|list }}", "at most 1000 are allowed")]
    [InlineData("{{ 9223372036854775807 + 1 }}", "integer overflow")]
    [InlineData("{{ 9223372036854775807 * 2 }}", "integer overflow")]
    [InlineData("{{ 10 ** 20 }}", "integer overflow")]
    [InlineData("{{ 2 ** 9223372036854775807 }}", "integer overflow")]
    [InlineData("{{ -(-9223372036854775807 - 1) }}", "integer overflow")]
    [InlineData("{{ (-9223372036854775807 - 1) // -1 }}", "integer overflow")]
    [InlineData("{{ (-9223372036854775807 - 1)|abs }}", "integer overflow")]
    [InlineData("{{ 1e300|int }}", "integer overflow")]
    [InlineData("{{ 1e300 ** 10 }}", "no finite number")]
    [InlineData("{{ 99999999999999999999 }}", "does not fit 64 bits")]
    [InlineData("{% for i in range(1000) %}{% for j in range(1000) %}{% endfor %}{% endfor %}", "more than 20000 steps")]
    [InlineData("{% set ns = namespace(l=[]) %}{% for i in range(900) %}{% set ns.l = ns.l + [i] %}{% endfor %}", "more than 20000 steps")]
    [InlineData("{% set ns = namespace(s='x') %}{% for i in range(90) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", "longer than 10000 characters")]
    [InlineData("{% set x = 'x' * 9000 %}{% for i in range(900) %}{% set y = x ~ i %}{% endfor %}", "worked through more than")]
    [InlineData("{% set x = 'x' * 9000 %}{% for i in range(900) %}{{ 'y' in x }}{% endfor %}", "worked through more than")]
    [InlineData("{% set x = 'x' * 9000 %}{% for i in range(900) %}{{ x|length }}{% endfor %}", "worked through more than")]
    [InlineData("{% set x = 'x' * 9000 %}{{ ('x' * 4000 ~ 'y') in x }}", "worked through more than")]
    [InlineData("{% set x = 'x' * 9000 %}{% for i in range(900) %}{% set y = {x: 1} %}{% endfor %}", "worked through more than")]
    [InlineData("{% set x = 'x' * 9000 %}{% for i in range(900) %}{% set y = x.removeprefix('x') %}{% endfor %}", "worked through more than")]
    [InlineData("{% set x = 'x' * 9000 %}{% for i in range(900) %}{% set y = x.zfill(1) %}{% endfor %}", "worked through more than")]
    [InlineData("{% set x = 'x' * 9000 %}{% for i in range(900) %}{% set y = x.count('') %}{% endfor %}", "worked through more than")]
    [InlineData("{% set x = '1' * 9000 %}{% for i in range(900) %}{% set y = x|float %}{% endfor %}", "worked through more than")]
    [InlineData("{% set ns = namespace() %}{% set ns.x = ns %}{% set y = ('{0' ~ '.x' * 3000 ~ '}').format(ns) %}", "worked through more than")]
    [InlineData("{{ {'a': 1, 2: 3}|tojson(sort_keys=true) }}", "'<' is not supported between")]
    [InlineData("{% set x = 'x' * 9000 %}{% set y = [1] * 900 %}{{ y|map(attribute=x)|list|length }}", "worked through more than")]
    [InlineData("{% set x = 'x' * 9000 %}{% set y = [x] * 900 %}{{ y|sort|length }}", "worked through more than")]
    [InlineData("{% set x = 'x' * 900 %}{% for i in range(900) %}{{ x }}{% endfor %}", "longer than 10000 characters")]
    [InlineData("{% set ns = namespace(l=[]) %}{% for i in range(500) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}", "nested deeper than 128")]
    [InlineData("{% set ns = namespace(l=[]) %}{% for i in range(500) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l|tojson }}", "nested deeper than 128")]
    [InlineData("{% set a = namespace(l=[]) %}{% set b = namespace(l=[]) %}{% for i in range(500) %}{% set a.l = [a.l] %}{% set b.l = [b.l] %}{% endfor %}{{ a.l == b.l }}", "nested deeper than 128")]
    [InlineData("{% set ns = namespace() %}{% set ns.self = ns %}{{ ns }}", "nested deeper than 128")]
    [InlineData("{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l }}", "")]
    [InlineData("{% set ns = namespace(l=[1]) %}{% for i in range(60) %}{% set ns.l = [ns.l, ns.l] %}{% endfor %}{{ ns.l == ns.l }}", "more than 20000 steps")]
    [InlineData("{% macro m(n) %}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}", "nested too deeply")]
    [InlineData("{% macro a() %}{{ b() }}{% endmacro %}{% macro b() %}{% if true %}{{ a() }}{% endif %}{% endmacro %}{{ a() }}", "nested too deeply")]
    [InlineData("{% macro m() %}{% call m() %}{{ caller() }}{% endcall %}{{ caller }}{% endmacro %}{% call m() %}{% endcall %}", "nested too deeply")]
    public void Every_limit_is_an_error_that_names_it(string source, string message)
    {
        var error = Should.Throw<TemplateException>(() => Render(ChatTemplate.Parse(source, null, Small)));
        error.Message.ShouldContain(message);
        error.IsUserRaised.ShouldBeFalse();
    }

    [Fact]
    public void Parameters_are_bounded_and_each_is_a_step_of_the_call()
    {
        string Names(int count) => string.Join(", ", Enumerable.Range(0, count).Select(i => $"a{i}"));
        string Values(int count) => string.Join(", ", Enumerable.Range(0, count).Select(i => $"a{i}=1"));
        Should.Throw<TemplateException>(() => ChatTemplate.Parse($"{{% macro m({Names(257)}) %}}{{% endmacro %}}")).Message.ShouldContain("256");
        Should.Throw<TemplateException>(() => ChatTemplate.Parse($"{{{{ f({Values(257)}) }}}}")).Message.ShouldContain("256");
        var calls =
            $"{{% macro m({Names(256)}) %}}{{% endmacro %}}{{% for i in range(900) %}}{{{{ m() }}}}{{% endfor %}}";
        Should.Throw<TemplateException>(() => Render(ChatTemplate.Parse(calls, null, Small))).Message.ShouldContain("more than 20000 steps");
    }

    [Fact]
    public void A_row_of_flags_counts_each_of_them_once() =>
        Render(ChatTemplate.Parse("{{ ('%' ~ '-+' * 4000 ~ '5d') % 1 }}|", null, Small)).ShouldBe("+1   |");

    [Theory]
    [InlineData("(", "1", ")")]
    [InlineData("[", "1", "]")]
    [InlineData("{1:", "1", "}")]
    [InlineData("-", "1", "")]
    [InlineData("not ", "1", "")]
    [InlineData("", "1", " + 1")]
    [InlineData("", "1", " or 1")]
    [InlineData("", "1", " ** 1")]
    [InlineData("", "x", ".y")]
    [InlineData("", "x", "[0]")]
    [InlineData("", "x", "()")]
    [InlineData("", "1", "|string")]
    [InlineData("", "1", " if 1")]
    [InlineData("1 if 1 else ", "1", "")]
    [InlineData("f(", "1", ")")]
    [InlineData("x[", "1", "]")]
    public void Deep_expressions_are_refused_when_parsed(string before, string inner, string after)
    {
        var source = "{{ " + Repeat(before) + inner + Repeat(after) + " }}";
        Should.Throw<TemplateException>(() => ChatTemplate.Parse(source)).Message.ShouldContain("nested deeper than 200");
    }

    [Theory]
    [InlineData("{% if 1 %}", "{% endif %}")]
    [InlineData("{% for i in [1] %}", "{% endfor %}")]
    [InlineData("{% macro m() %}", "{% endmacro %}")]
    [InlineData("{% set x %}", "{% endset %}")]
    [InlineData("{% filter trim %}", "{% endfilter %}")]
    [InlineData("{% call m() %}", "{% endcall %}")]
    [InlineData("{% with %}", "{% endwith %}")]
    [InlineData("{% generation %}", "{% endgeneration %}")]
    public void Deep_statements_are_refused_when_parsed(string before, string after) =>
        Should.Throw<TemplateException>(() => ChatTemplate.Parse(Repeat(before) + Repeat(after)))
            .Message.ShouldContain("nested deeper than 200");

    [Fact]
    public void Deep_assignment_targets_are_refused_when_parsed() =>
        Should.Throw<TemplateException>(() => ChatTemplate.Parse("{% set " + Repeat("(") + "a" + Repeat(")") + " = 1 %}"))
            .Message.ShouldContain("nested deeper than 200");

    [Fact]
    public void Long_flat_templates_are_no_deep_ones()
    {
        var source = string.Concat(Enumerable.Repeat("{% if a %}x{% elif b %}y{% endif %}{{ 1 ~ 2 }}", 2000));
        Render(ChatTemplate.Parse(source)).Length.ShouldBe(4000);
    }

    [Fact]
    public void A_source_of_more_than_a_megabyte_is_refused() =>
        Should.Throw<TemplateException>(() => ChatTemplate.Parse(new string('x', (1 << 20) + 1))).Message.ShouldContain("1048576");

    [Fact]
    public void A_small_stack_is_enough_for_the_deepest_template()
    {
        Exception? seen = null;
        var thread = new Thread(() => seen = Record.Exception(() =>
            Render(ChatTemplate.Parse("{% macro m(n) %}{{ (((([m(n + 1)])))) }}{% endmacro %}{{ m(0) }}"))), maxStackSize: 512 << 10);
        thread.Start();
        thread.Join();
        seen.ShouldBeOfType<TemplateException>().Message.ShouldContain("nested too deeply");
    }

    [Fact]
    public void A_long_conversation_stays_within_the_limits()
    {
        var messages = Enumerable.Range(0, 2000).Select(i => new { role = i % 2 == 0 ? "user" : "assistant", content = new string('x', 2000) });
        var template = ChatTemplate.Parse("{% for m in messages[::-1] %}{{ m.role ~ ': ' ~ m.content | trim | replace('y', 'z') }}{% endfor %}");
        template.Render(new ChatTemplateInput { Messages = JsonSerializer.SerializeToElement(messages) }).Length.ShouldBeGreaterThan(4_000_000);
    }

    /// <summary>Pieces that make sense together often enough to reach deep into the interpreter.</summary>
    private static readonly string[] Pieces =
    [
        "{{ ", " }}", "{% ", " %}", "{%- ", " -%}", "{# ", " #}", "if ", "else", "elif ", "endif", "for i in ", "endfor", "set x = ", "endset",
        "macro m(a)", "endmacro", "call m(1)", "endcall", "filter ", "x", "messages", "loop.index", "namespace(a=1)", "range(9)", "1", "0", "-2.5",
        "'s'", "\"é😀\"", "none", "true", "[1, 'a']", "{'k': [1]}", "(", ")", "[", "]", "{", "}", "|", ".", ",", ":", "~", "+", "-", "*", "**", "//", "%", "==",
        "<", "in ", "not ", "is ", "defined", "string", "tojson", "trim", "length", "join(',')", "map('upper')", "sort", "split()", "items()",
        "format(1, 'a')", "'%s %d'", "replace('a', 'b')", "first", "list", "[::-1]", "[0]", "['k']", " text\n", "  ", "raw", "endraw", "=", " and ", " or ",
    ];

    [Fact]
    public void Random_templates_render_or_fail_in_order()
    {
        var sources = Gen.Elements(Pieces).ListOf().Select(string.Concat).ToArbitrary();
        Prop.ForAll(sources, source => EndsInOrder(source) && EndsInOrder("{{ " + source + " }}") && EndsInOrder("{% if 1 %}{{ " + source + " }}{% endif %}"))
            .Check(Config.QuickThrowOnFailure.WithMaxTest(500));
    }

    [Fact]
    public void Random_expressions_of_values_and_filters_render_or_fail_in_order()
    {
        var values = Gen.Elements("1", "-7", "2.5", "'ab c'", "''", "none", "true", "[3,'a',none]", "{'k':1,'b':[2]}", "(1,2)", "nope", "range(5)", "messages", "{}.items()");
        var filters = Gen.Elements(Filters.All.Keys.ToArray()).Select(name => "|" + name);
        var tests = Gen.Elements(ValueTests.All.Keys.Where(name => char.IsLetter(name[0])).ToArray()).Select(name => $" is {name}(1)");
        var methods = Gen.Elements(TextMethods.All.Keys.ToArray()).Select(name => $".{name}('a')");
        var operators = Gen.Elements("+", "-", "*", "/", "//", "%", "**", "~", "==", "<", "in", "and", "or").SelectMany(_ => values, (sign, value) => $" {sign} {value}");
        var tails = Gen.OneOf(filters, filters, tests, methods, operators).ListOf();
        var sources = values.SelectMany(_ => tails, (value, tail) => "{{ (" + value + ")" + string.Concat(tail) + " }}").ToArbitrary();
        Prop.ForAll(sources, EndsInOrder).Check(Config.QuickThrowOnFailure.WithMaxTest(1000));
    }

    private static bool EndsInOrder(string source)
    {
        try
        {
            return Render(ChatTemplate.Parse(source, null, Small)).Length <= Small.StringCharacters;
        }
        catch (TemplateException error)
        {
            return error.Message.Length > 0;
        }
    }

    private static string Repeat(string text) => string.Concat(Enumerable.Repeat(text, 20_000));

    private static string Render(ChatTemplate template) =>
        template.Render(new ChatTemplateInput { Messages = JsonSerializer.SerializeToElement(new[] { new { role = "user", content = "Hi é😀" } }) });
}
