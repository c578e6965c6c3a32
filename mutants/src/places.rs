//! Where the core can be changed, and how.
//!
//! | In the source | Changes |
//! |---|---|
//! | a condition | `true`, `false` |
//! | `a && b` | each operand `true`, the whole `false` |
//! | `a \|\| b` | each operand `false`, the whole `true` |
//! | `<` `<=` `>` `>=` | with the border on the other side |
//! | `a + b` and the other operators and methods that compute | `a` alone |
//! | `if let`, `while let` | no match |
//! | an option | `None` |
//! | a call or an assignment that is a statement, a `for` loop | skipped |
//! | `true`, `false` | the other one |
//!
//! A *condition* is that of `if`, `while`, a match guard, `then`, `then_some`, `filter` and its
//! like, a comparison elsewhere, and the result of a function. An *option* is `Some(x)`, the
//! operand of `?` or of `let Some(..) = .. else`, and the result of a function that returns an
//! `Option`.
//!
//! Left out, beside what [`FILES`] and [`FUNCTIONS`] name: assertions, constants and what else only
//! the compiler evaluates, tests, and the code of planted faults, which is wrong already: of the
//! words of `boundary/fault.rs` only the healthy arguments are changed, as if they stood there
//! alone. Orderings are changed by `hak-sim mutants`.

use std::collections::HashMap;
use std::io;
use std::ops::Range;
use std::path::Path;

use syn::spanned::Spanned;
use syn::visit::{self, Visit};
use syn::{BinOp, Block, Expr, Lit, Pat, ReturnType, Stmt, Type};

use crate::text::{Edit, Piece};

/// Files of the core in which nothing is changed, and why.
pub const FILES: &[(&str, &str)] = &[
    ("lib.rs", "no code"),
    ("boundary/mod.rs", "no code"),
    ("boundary/fault.rs", "planted faults, and their words"),
    ("numbers/geometry.rs", "numbers, and what the compiler evaluates with them"),
    ("inspect/mod.rs", "read by oracles only"),
    ("inspect/place.rs", "texts"),
    ("boundary/platform.rs", "the boundary, and texts"),
    ("numbers/mod.rs", "no code"),
    ("slabs/mod.rs", "no code"),
    ("tables/mod.rs", "no code"),
    ("tables/root.rs", "words, no code but for questions"),
];

/// Functions of the core in which nothing is changed, and why: file, function, reason.
pub const FUNCTIONS: &[(&str, &str, &str)] = &[
    ("allocator.rs", "smaller", "evaluated by the compiler"),
    ("tables/block.rs", "set_next_unsealed", "a planted fault"),
    ("numbers/size_class.rs", "class_table", "evaluated by the compiler"),
    ("numbers/size_class.rs", "class_of", "evaluated by the compiler"),
    ("numbers/size_class.rs", "coarse_class", "evaluated by the compiler"),
    ("numbers/size_class.rs", "sizes", "evaluated by the compiler"),
    ("numbers/slot.rs", "SlotWord::state", "read by oracles only"),
    ("numbers/slot.rs", "SlabState::may_become", "read by oracles only"),
    ("numbers/slot.rs", "SlabState::name", "texts"),
];

/// A change to one place of the core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mutant {
    /// Its number, from 1 on, in this state of the source.
    pub number: u32,
    /// The file, without its folder.
    pub file: String,
    /// The function, with its type.
    pub function: String,
    /// The line at which the place begins.
    pub line: usize,
    /// The source text, on one line.
    pub source: String,
    /// What it becomes.
    pub change: String,
}

impl Mutant {
    /// What names it while lines move: file, function, source and change.
    pub fn key(&self) -> String {
        format!("{} | {} | {} | {}", self.file, self.function, self.source, self.change)
    }
}

impl std::fmt::Display for Mutant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Mutant { file, function, line, source, change, .. } = self;
        write!(f, "{file}:{line} | {function} | {source} | {change}")
    }
}

/// A file of the core.
pub struct File {
    /// Its name, from the core's source folder on.
    pub name: String,
    /// Its text.
    pub text: String,
    /// The text with all changes in it.
    pub edits: Vec<Edit>,
}

/// The core's source with every change to it.
pub struct Core {
    /// The files, by name.
    pub files: Vec<File>,
    /// The changes; each one's number is its place in the list plus one.
    pub mutants: Vec<Mutant>,
    /// The functions that were left out, with their files.
    pub left_out: Vec<(String, String)>,
}

/// Reads the source of the core.
///
/// # Errors
/// A file cannot be read, or is not Rust.
pub fn read(folder: &Path) -> io::Result<Core> {
    let mut names = Vec::new();
    for entry in walkdir::WalkDir::new(folder).sort_by_file_name() {
        let entry = entry?;
        let name = entry.path().strip_prefix(folder).expect("below it");
        names.push(name.to_string_lossy().into_owned());
    }
    let mut core = Core { files: Vec::new(), mutants: Vec::new(), left_out: Vec::new() };
    for name in names.into_iter().filter(|name| name.ends_with(".rs")) {
        let text = std::fs::read_to_string(folder.join(&name))?;
        let edits = if FILES.iter().any(|(left_out, _)| *left_out == name) {
            Vec::new()
        } else {
            let found = edits(&name, &text, &mut core.mutants)
                .map_err(|error| io::Error::other(format!("{name}: {error}")))?;
            core.left_out
                .extend(found.left_out.into_iter().map(|function| (name.clone(), function)));
            found.edits
        };
        core.files.push(File { name, text, edits });
    }
    Ok(core)
}

/// What was found in a file.
pub struct Found {
    /// The edits that bring its changes in.
    pub edits: Vec<Edit>,
    /// The functions that were left out.
    pub left_out: Vec<String>,
}

/// The changes of one file, added to `mutants`.
///
/// # Errors
/// The text is not Rust.
pub fn edits(name: &str, text: &str, mutants: &mut Vec<Mutant>) -> syn::Result<Found> {
    let file = syn::parse_file(text)?;
    let mut finder = Finder {
        name,
        text,
        mutants,
        edits: Vec::new(),
        left_out: Vec::new(),
        scope: Vec::new(),
        returns: Vec::new(),
        seen: HashMap::new(),
    };
    finder.visit_file(&file);
    Ok(Found { edits: finder.edits, left_out: finder.left_out })
}

/// What a function returns, as far as it matters.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Returns {
    Nothing,
    Bool,
    Option,
    Other,
}

struct Finder<'a> {
    name: &'a str,
    text: &'a str,
    mutants: &'a mut Vec<Mutant>,
    edits: Vec<Edit>,
    left_out: Vec<String>,
    /// Types and functions around this place.
    scope: Vec<String>,
    /// What the functions and closures around this place return.
    returns: Vec<Returns>,
    /// How often each key was met.
    seen: HashMap<String, u32>,
}

/// The range of bytes of a node.
fn range(node: &impl Spanned) -> Range<usize> {
    node.span().byte_range()
}

fn new(text: impl Into<String>) -> Piece {
    Piece::Text(text.into())
}

impl Finder<'_> {
    /// A new mutant at these bytes; its number.
    fn mutant(&mut self, range: &Range<usize>, change: &str) -> u32 {
        let number = self.mutants.len() as u32 + 1;
        let mut mutant = Mutant {
            number,
            file: self.name.to_owned(),
            function: self.scope.join("::"),
            line: self.text[..range.start].matches('\n').count() + 1,
            source: one_line(&self.text[range.clone()]),
            change: change.to_owned(),
        };
        let seen = self.seen.entry(mutant.key()).or_insert(0);
        *seen += 1;
        if *seen > 1 {
            mutant.change += &format!(" #{seen}");
        }
        self.mutants.push(mutant);
        number
    }

    fn edit(&mut self, range: Range<usize>, pieces: Vec<Piece>) {
        self.edits.push(Edit { range, pieces });
    }

    /// `true` or `false` in the place of a condition.
    fn forced(&mut self, range: Range<usize>, on: bool, off: bool) {
        let (mut front, mut back) = (String::from("("), String::from(")"));
        if off {
            front += &format!("!crate::mutation::active({}) && ", self.mutant(&range, "false"));
        }
        if on {
            front += &format!("(crate::mutation::active({}) || ", self.mutant(&range, "true"));
            back += ")";
        }
        if on || off {
            let pieces = vec![new(front + "("), Piece::Source(range.clone()), new(back + ")")];
            self.edit(range, pieces);
        }
    }

    /// `other` in the place of an expression.
    fn replaced(&mut self, range: Range<usize>, change: &str, other: Piece) {
        let number = self.mutant(&range, change);
        let pieces = vec![
            // Parentheses: a `match` in front would be a statement.
            new(format!("(if crate::mutation::active({number}) {{ (")),
            other,
            new(") } else { ("),
            Piece::Source(range.clone()),
            new(") })"),
        ];
        self.edit(range, pieces);
    }

    /// Nothing in the place of a statement or of an expression without a value.
    fn skipped(&mut self, range: Range<usize>) {
        let number = self.mutant(&range, "skipped");
        let pieces = vec![
            new(format!("if !crate::mutation::active({number}) {{ ")),
            Piece::Source(range.clone()),
            new(" }"),
        ];
        self.edit(range, pieces);
    }

    /// A condition, which may be forced to be true or false, and what is in it.
    fn condition(&mut self, expr: &Expr, on: bool, off: bool) {
        if let Some(word) = Word::of(expr) {
            for one in word.healthy {
                match one {
                    Expr::Closure(closure) => self.condition(&closure.body, on, off),
                    one => self.condition(one, on, off),
                }
            }
            return;
        }
        match expr {
            // The other way round.
            Expr::Unary(unary) if Word::of(&unary.expr).is_some() => {
                self.condition(&unary.expr, off, on);
            }
            Expr::Paren(paren) => self.condition(&paren.expr, on, off),
            Expr::Let(one) => {
                let at = range(one);
                let number = self.mutant(&at, "no match");
                let front = new(format!("!crate::mutation::active({number}) && "));
                self.edit(at.clone(), vec![front, Piece::Source(at)]);
                self.visit_expr(&one.expr);
            }
            Expr::Binary(binary) if matches!(binary.op, BinOp::And(_)) && has_let(expr) => {
                // Each `let` can fail to match, which makes the whole false.
                self.condition(&binary.left, on, false);
                self.condition(&binary.right, on, false);
            }
            Expr::Binary(binary) if matches!(binary.op, BinOp::And(_)) => {
                self.forced(range(expr), false, off);
                self.condition(&binary.left, true, false);
                self.condition(&binary.right, true, false);
            }
            Expr::Binary(binary) if matches!(binary.op, BinOp::Or(_)) => {
                self.forced(range(expr), on, false);
                self.condition(&binary.left, false, true);
                self.condition(&binary.right, false, true);
            }
            Expr::Binary(binary) => {
                self.forced(range(expr), on, off);
                self.border(binary);
                visit::visit_expr_binary(self, binary);
            }
            Expr::Lit(_) => self.visit_expr(expr),
            Expr::If(_) | Expr::Match(_) | Expr::Block(_) | Expr::Unsafe(_) => {
                self.forced(range(expr), on, off);
                self.visit_expr(expr);
            }
            Expr::Unary(unary) => {
                self.forced(range(expr), on, off);
                match &*unary.expr {
                    Expr::Paren(paren) => match &*paren.expr {
                        Expr::Binary(binary) => {
                            self.border(binary);
                            visit::visit_expr_binary(self, binary);
                        }
                        inner => self.visit_expr(inner),
                    },
                    inner => self.visit_expr(inner),
                }
            }
            _ => {
                self.forced(range(expr), on, off);
                self.visit_expr(expr);
            }
        }
    }

    /// A comparison with its border on the other side.
    fn border(&mut self, binary: &syn::ExprBinary) {
        let other = match binary.op {
            BinOp::Lt(_) => "<=",
            BinOp::Le(_) => "<",
            BinOp::Gt(_) => ">=",
            BinOp::Ge(_) => ">",
            _ => return,
        };
        let at = range(binary);
        let number = self.mutant(&at, other);
        let (left, right) = (range(&binary.left), range(&binary.right));
        let pieces = vec![
            new(format!("(if crate::mutation::active({number}) {{ (")),
            Piece::Source(left),
            new(format!(") {other} (")),
            Piece::Source(right),
            new(") } else { ("),
            Piece::Source(at.clone()),
            new(") })"),
        ];
        self.edit(at, pieces);
    }

    /// The last expression of a function, or what it returns early.
    fn result(&mut self, expr: &Expr) {
        let returns = self.returns.last().copied().unwrap_or(Returns::Other);
        match expr {
            Expr::Paren(paren) => self.result(&paren.expr),
            Expr::If(node) => {
                self.block_result(&node.then_branch);
                if let Some((_, other)) = &node.else_branch {
                    self.result(other);
                }
            }
            Expr::Match(node) => {
                for arm in &node.arms {
                    self.result(&arm.body);
                }
            }
            Expr::Block(node) => self.block_result(&node.block),
            Expr::Unsafe(node) => self.block_result(&node.block),
            Expr::Return(_) | Expr::Loop(_) | Expr::Lit(_) | Expr::Macro(_) => {}
            // A condition of its own kind is met when it is visited.
            Expr::Binary(_) => {}
            _ if never_returns(expr) => {}
            // What is skipped or swapped is met when it is visited.
            _ if Word::of(expr).is_some() => {
                let value = healthy_value(expr);
                if !std::ptr::eq(value, expr) {
                    self.result(value);
                }
            }
            Expr::Call(_) | Expr::MethodCall(_) | Expr::Assign(_)
                if returns == Returns::Nothing =>
            {
                self.skipped(range(expr));
            }
            Expr::Call(_)
            | Expr::MethodCall(_)
            | Expr::Path(_)
            | Expr::Unary(_)
            | Expr::Field(_)
                if returns == Returns::Bool =>
            {
                self.forced(range(expr), true, true);
            }
            Expr::Call(_) | Expr::MethodCall(_) | Expr::Path(_) if returns == Returns::Option => {
                let text = &self.text[range(expr)];
                if text != "None" && !text.starts_with("Some(") {
                    self.replaced(range(expr), "None", new("None"));
                }
            }
            _ => {}
        }
    }

    fn block_result(&mut self, block: &Block) {
        if let Some(Stmt::Expr(last, None)) = block.stmts.last() {
            self.result(last);
        }
    }

    /// What a word does: a closure whose result is of this kind, or another expression.
    fn healthy(&mut self, expr: &Expr, returns: Returns) {
        let Expr::Closure(closure) = expr else {
            if returns == Returns::Nothing {
                // The name of a closure.
                let number = self.mutant(&range(expr), "skipped");
                let pieces = vec![
                    new(format!("|| if !crate::mutation::active({number}) {{ (")),
                    Piece::Source(range(expr)),
                    new(")() }"),
                ];
                self.edit(range(expr), pieces);
            }
            return self.visit_expr(expr);
        };
        self.returns.push(returns);
        self.result(&closure.body);
        self.visit_expr(&closure.body);
        self.returns.pop();
    }

    /// A word that is a statement.
    fn word_statement(&mut self, word: Word<'_>, expr: &Expr, statement: Range<usize>) {
        match word.name.as_str() {
            // A result of any type, which nobody wants.
            "replaced" => {
                let number = self.mutant(&range(healthy_value(expr)), "skipped");
                let pieces = vec![
                    new(format!("if !crate::mutation::active({number}) {{ ")),
                    Piece::Source(statement.clone()),
                    new(" }"),
                ];
                self.edit(statement, pieces);
                self.visit_expr(expr);
            }
            "swapped" => {
                word.healthy.iter().for_each(|one| self.healthy(one, Returns::Nothing));
            }
            _ => self.visit_expr(expr),
        }
    }

    /// `let (a, b) = P::swapped(..)`.
    fn swapped(&mut self, word: Word<'_>, pattern: &Pat) {
        for (number, one) in word.healthy.iter().enumerate() {
            let is_nothing = matches!(pattern, Pat::Tuple(both)
                if matches!(&both.elems[number], Pat::Tuple(one) if one.elems.is_empty()));
            self.healthy(one, if is_nothing { Returns::Nothing } else { Returns::Other });
        }
    }

    /// A function: its result, and what is in it.
    fn function(
        &mut self,
        name: String,
        output: &ReturnType,
        attributes: &[syn::Attribute],
        block: &Block,
    ) {
        self.scope.push(name);
        let function = self.scope.join("::");
        let left_out =
            FUNCTIONS.iter().any(|(file, left_out, _)| *file == self.name && *left_out == function);
        if left_out {
            self.left_out.push(function);
        } else if !is_test(attributes) {
            self.returns.push(returns(output));
            self.block_result(block);
            self.visit_block(block);
            self.returns.pop();
        }
        self.scope.pop();
    }
}

impl<'ast> Visit<'ast> for Finder<'_> {
    fn visit_item_mod(&mut self, node: &'ast syn::ItemMod) {
        if !is_test(&node.attrs) {
            visit::visit_item_mod(self, node);
        }
    }

    fn visit_item_fn(&mut self, node: &'ast syn::ItemFn) {
        self.function(node.sig.ident.to_string(), &node.sig.output, &node.attrs, &node.block);
    }

    fn visit_impl_item_fn(&mut self, node: &'ast syn::ImplItemFn) {
        self.function(node.sig.ident.to_string(), &node.sig.output, &node.attrs, &node.block);
    }

    fn visit_trait_item_fn(&mut self, node: &'ast syn::TraitItemFn) {
        if let Some(block) = &node.default {
            self.function(node.sig.ident.to_string(), &node.sig.output, &node.attrs, block);
        }
    }

    fn visit_item_impl(&mut self, node: &'ast syn::ItemImpl) {
        let Type::Path(path) = &*node.self_ty else { return };
        let name = path.path.segments.last().map_or(String::new(), |last| last.ident.to_string());
        self.scope.push(name);
        node.items.iter().for_each(|item| self.visit_impl_item(item));
        self.scope.pop();
    }

    // What the compiler evaluates, and what is no code.
    fn visit_item_const(&mut self, _: &'ast syn::ItemConst) {}
    fn visit_item_static(&mut self, _: &'ast syn::ItemStatic) {}
    fn visit_impl_item_const(&mut self, _: &'ast syn::ImplItemConst) {}
    fn visit_expr_const(&mut self, _: &'ast syn::ExprConst) {}
    fn visit_type(&mut self, _: &'ast Type) {}
    fn visit_pat(&mut self, _: &'ast Pat) {}
    fn visit_macro(&mut self, _: &'ast syn::Macro) {}
    fn visit_angle_bracketed_generic_arguments(
        &mut self,
        _: &'ast syn::AngleBracketedGenericArguments,
    ) {
    }
    fn visit_attribute(&mut self, _: &'ast syn::Attribute) {}

    fn visit_expr_repeat(&mut self, node: &'ast syn::ExprRepeat) {
        self.visit_expr(&node.expr);
    }

    fn visit_expr_closure(&mut self, node: &'ast syn::ExprClosure) {
        self.returns.push(Returns::Other);
        self.visit_expr(&node.body);
        self.returns.pop();
    }

    fn visit_block(&mut self, node: &'ast Block) {
        let last = node.stmts.len().saturating_sub(1);
        for (number, statement) in node.stmts.iter().enumerate() {
            if let Stmt::Expr(expr, Some(_)) = statement
                && let Some(word) = Word::of(expr)
            {
                self.word_statement(word, expr, range(statement));
                continue;
            }
            if let Stmt::Local(local) = statement
                && let Some(init) = &local.init
                && let Some(word) = Word::of(&init.expr)
                && word.name == "swapped"
            {
                self.swapped(word, &local.pat);
                continue;
            }
            match statement {
                Stmt::Expr(expr, Some(_)) => {
                    let skips = match expr {
                        Expr::Call(_) | Expr::MethodCall(_) => !never_returns(expr),
                        Expr::Assign(_) | Expr::ForLoop(_) => true,
                        Expr::Unsafe(_) => !never_returns(expr),
                        Expr::Binary(binary) => is_assignment(&binary.op),
                        _ => false,
                    };
                    if skips {
                        self.skipped(range(statement));
                    }
                }
                Stmt::Expr(Expr::ForLoop(_), None) => self.skipped(range(statement)),
                // A statement whose branches have no value.
                Stmt::Expr(expr @ (Expr::If(_) | Expr::Match(_)), None) if number != last => {
                    self.returns.push(Returns::Nothing);
                    self.result(expr);
                    self.returns.pop();
                }
                Stmt::Local(local) => {
                    if let (Pat::TupleStruct(pattern), Some(init)) = (&local.pat, &local.init)
                        && init.diverge.is_some()
                        && pattern.path.is_ident("Some")
                    {
                        self.replaced(range(healthy_value(&init.expr)), "None", new("None"));
                    }
                }
                _ => {}
            }
            self.visit_stmt(statement);
        }
    }

    fn visit_expr_return(&mut self, node: &'ast syn::ExprReturn) {
        if let Some(expr) = &node.expr {
            // In a closure `return` returns from the closure, whose kind is not known.
            self.result(expr);
        }
        visit::visit_expr_return(self, node);
    }

    fn visit_expr_if(&mut self, node: &'ast syn::ExprIf) {
        self.condition(&node.cond, true, true);
        self.visit_block(&node.then_branch);
        if let Some((_, other)) = &node.else_branch {
            self.visit_expr(other);
        }
    }

    fn visit_expr_while(&mut self, node: &'ast syn::ExprWhile) {
        self.condition(&node.cond, true, true);
        self.visit_block(&node.body);
    }

    fn visit_arm(&mut self, node: &'ast syn::Arm) {
        if let Some((_, guard)) = &node.guard {
            self.condition(guard, true, true);
        }
        self.visit_expr(&node.body);
    }

    fn visit_expr_let(&mut self, node: &'ast syn::ExprLet) {
        self.visit_expr(&node.expr);
    }

    fn visit_expr_binary(&mut self, node: &'ast syn::ExprBinary) {
        let expr = Expr::Binary(node.clone());
        if is_assignment(&node.op) {
            visit::visit_expr_binary(self, node);
            return;
        }
        match node.op {
            BinOp::And(_)
            | BinOp::Or(_)
            | BinOp::Eq(_)
            | BinOp::Ne(_)
            | BinOp::Lt(_)
            | BinOp::Le(_)
            | BinOp::Gt(_)
            | BinOp::Ge(_) => self.condition(&expr, true, true),
            _ => {
                let at = range(node);
                let change =
                    format!("without `{}`", self.text[range(&node.left).end..at.end].trim());
                self.replaced(at, &one_line(&change), Piece::Source(range(&node.left)));
                visit::visit_expr_binary(self, node);
            }
        }
    }

    fn visit_expr_method_call(&mut self, node: &'ast syn::ExprMethodCall) {
        let name = node.method.to_string();
        match name.as_str() {
            "then" | "then_some" => {
                self.condition(&node.receiver, true, true);
                node.args.iter().for_each(|one| self.visit_expr(one));
                return;
            }
            "filter" | "is_some_and" | "is_none_or" | "any" | "all" | "position" | "find" => {
                self.visit_expr(&node.receiver);
                match node.args.first() {
                    Some(Expr::Closure(closure)) => {
                        self.returns.push(Returns::Bool);
                        match &*closure.body {
                            Expr::Block(block) => {
                                self.block_result(&block.block);
                                self.visit_block(&block.block);
                            }
                            body => self.condition(body, true, true),
                        }
                        self.returns.pop();
                    }
                    None => {}
                    Some(other) => self.visit_expr(other),
                }
                return;
            }
            "min" | "max" | "wrapping_add" | "wrapping_sub" | "saturating_add"
            | "saturating_sub" | "div_ceil" | "next_multiple_of" | "next_power_of_two" => {
                let at = range(node);
                let change =
                    format!("without `{}`", self.text[range(&node.receiver).end..at.end].trim());
                self.replaced(at, &one_line(&change), Piece::Source(range(&node.receiver)));
            }
            _ => {}
        }
        visit::visit_expr_method_call(self, node);
    }

    fn visit_expr_call(&mut self, node: &'ast syn::ExprCall) {
        if let Some(word) = Word::of_call(node) {
            let is_skipped = word.name == "skipped";
            let returns = if is_skipped { Returns::Nothing } else { Returns::Other };
            word.healthy.iter().for_each(|one| self.healthy(one, returns));
            return;
        }
        if let Expr::Path(path) = &*node.func
            && path.path.is_ident("Some")
        {
            self.replaced(range(node), "None", new("None"));
        }
        visit::visit_expr_call(self, node);
    }

    fn visit_expr_try(&mut self, node: &'ast syn::ExprTry) {
        self.replaced(range(healthy_value(&node.expr)), "None", new("None"));
        self.visit_expr(&node.expr);
    }

    fn visit_expr_lit(&mut self, node: &'ast syn::ExprLit) {
        if let Lit::Bool(literal) = &node.lit {
            let (change, front) = match literal.value {
                true => ("false", "!"),
                false => ("true", ""),
            };
            let number = self.mutant(&range(node), change);
            self.edit(range(node), vec![new(format!("{front}crate::mutation::active({number})"))]);
        }
    }
}

/// The text on one line, without comments.
fn one_line(text: &str) -> String {
    let lines = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    lines.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ")
}

fn returns(output: &ReturnType) -> Returns {
    let ReturnType::Type(_, output) = output else { return Returns::Nothing };
    let Type::Path(path) = &**output else { return Returns::Other };
    match path.path.segments.last() {
        Some(last) if last.ident == "bool" => Returns::Bool,
        Some(last) if last.ident == "Option" => Returns::Option,
        _ => Returns::Other,
    }
}

fn is_test(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::Path(path) => path.is_ident("test"),
        syn::Meta::List(list) => list.path.is_ident("cfg") && list.tokens.to_string() == "test",
        syn::Meta::NameValue(_) => false,
    })
}

fn is_assignment(op: &BinOp) -> bool {
    use BinOp::*;
    matches!(
        op,
        AddAssign(_)
            | SubAssign(_)
            | MulAssign(_)
            | DivAssign(_)
            | RemAssign(_)
            | BitXorAssign(_)
            | BitAndAssign(_)
            | BitOrAssign(_)
            | ShlAssign(_)
            | ShrAssign(_)
    )
}

/// A word of `boundary/fault.rs`: `P::skipped(Fault::X, || ..)` and its like.
struct Word<'a> {
    name: String,
    /// What the core does while no fault is planted.
    healthy: Vec<&'a Expr>,
}

/// How many arguments behind the fault are healthy.
const WORDS: &[(&str, usize)] = &[
    ("skipped", 1),
    ("swapped", 2),
    ("swapped_looks", 2),
    ("replaced", 1),
    ("added", 0),
    ("wrong", 1),
    ("relaxed", 1),
];

impl Word<'_> {
    fn of(expr: &Expr) -> Option<Word<'_>> {
        match expr {
            Expr::Call(call) => Word::of_call(call),
            _ => None,
        }
    }

    fn of_call(call: &syn::ExprCall) -> Option<Word<'_>> {
        let Expr::Path(path) = &*call.func else { return None };
        let mut names = path.path.segments.iter().map(|segment| segment.ident.to_string());
        let (Some(platform), Some(name), None) = (names.next(), names.next(), names.next()) else {
            return None;
        };
        let (_, healthy) = WORDS.iter().find(|(word, _)| platform == "P" && name == *word)?;
        Some(Word { name, healthy: call.args.iter().skip(1).take(*healthy).collect() })
    }
}

/// What the value of an expression is while no fault is planted: of a word that has one value, its
/// healthy argument.
fn healthy_value(expr: &Expr) -> &Expr {
    match Word::of(expr) {
        Some(word) if matches!(word.name.as_str(), "replaced" | "wrong") => match word.healthy[0] {
            Expr::Closure(closure) => &closure.body,
            // The name of a closure, which is no value.
            _ if word.name == "replaced" => expr,
            value => value,
        },
        _ => expr,
    }
}

/// The last name of what is called.
fn called(expr: &Expr) -> Option<String> {
    let Expr::Call(call) = expr else { return None };
    let Expr::Path(path) = &*call.func else { return None };
    path.path.segments.last().map(|last| last.ident.to_string())
}

fn has_let(expr: &Expr) -> bool {
    match expr {
        Expr::Let(_) => true,
        Expr::Binary(binary) => has_let(&binary.left) || has_let(&binary.right),
        _ => false,
    }
}

/// Whether it ends in the door for misuse, or panics.
fn never_returns(expr: &Expr) -> bool {
    called(expr).is_some_and(|name| name == "misuse" || name == "unreachable")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::text::edited;

    /// What can be changed in a text: source and change.
    fn changes(text: &str) -> Vec<String> {
        let mut mutants = Vec::new();
        let found = edits("x.rs", text, &mut mutants).expect("Rust");
        let written = edited(text, found.edits);
        syn::parse_file(&written).expect("the text with its changes is Rust, too");
        for mutant in &mutants {
            assert!(written.contains(&format!("crate::mutation::active({})", mutant.number)));
        }
        let line = |mutant: &Mutant| format!("{} | {}", mutant.source, mutant.change);
        mutants.iter().map(line).collect()
    }

    #[test]
    fn a_guard_is_forced_and_a_bound_moved() {
        let found = changes("fn f(x: u32) { if x < 3 { return; } g(x); }");
        assert_eq!(found, ["x < 3 | false", "x < 3 | true", "x < 3 | <=", "g(x); | skipped"]);
    }

    #[test]
    fn a_row_of_conditions_is_changed_once_in_each_way() {
        let found = changes("fn f() { let x = a && b; let y = c || !d; }");
        let row =
            ["a && b | false", "a | true", "b | true", "c || !d | true", "c | false", "!d | false"];
        assert_eq!(found, row);
    }

    #[test]
    fn counts_lose_their_operands_and_rollbacks_are_skipped() {
        let found = changes("fn f() { x += 1; set(y + 1); if !done { undo(); } }");
        let expected = [
            "x += 1; | skipped",
            "set(y + 1); | skipped",
            "y + 1 | without `+ 1`",
            "!done | false",
            "!done | true",
            "undo(); | skipped",
        ];
        assert_eq!(found, expected);
    }

    #[test]
    fn options_become_none_and_patterns_do_not_match() {
        let found = changes(
            "fn f() -> Option<u8> \
            { let Some(x) = g() else { return None }; h()?; if let A = x {} Some(x) }",
        );
        let expected = ["g() | None", "h() | None", "let A = x | no match", "Some(x) | None"];
        assert_eq!(found, expected);
    }

    #[test]
    fn the_code_of_planted_faults_is_left_out_and_what_is_healthy_is_not() {
        let text = "fn f() {
            P::skipped(X, || right());
            P::skipped(X, || { x += 1; });
            P::skipped(X, right);
            P::added(X, || wrong(1 + 1));
            P::swapped(X, || first(), || if a { then(); });
            P::replaced(X, || right(1 + 2), || wrong(1 + 1));
            let ((), b) = P::swapped(X, || first(c), || P::relaxed(X, O) + 1);
            if P::wrong(X, d && e, true) || !P::replaced(X, || g(), || wrong()) { h(); }
            i(P::wrong(X, 3 + 4, 1 + 1));
        }
        fn j() -> Option<u8> { P::replaced(X, || k()?, || wrong()?) }";
        let expected = [
            "right() | skipped",
            "x += 1; | skipped",
            "right | skipped",
            "first() | skipped",
            "a | false",
            "a | true",
            "then(); | skipped",
            "right(1 + 2) | skipped",
            "1 + 2 | without `+ 2`",
            "first(c) | skipped",
            "P::relaxed(X, O) + 1 | without `+ 1`",
            "P::wrong(X, d && e, true) || !P::replaced(X, || g(), || wrong()) | true",
            "d && e | false",
            "d | true",
            "e | true",
            "g() | true",
            "h(); | skipped",
            "i(P::wrong(X, 3 + 4, 1 + 1)); | skipped",
            "3 + 4 | without `+ 4`",
            "k() | None",
        ];
        assert_eq!(changes(text), expected);
    }

    #[test]
    fn what_the_compiler_evaluates_and_tests_are_left_out() {
        let text = "const A: u32 = 1 + 1; #[cfg(test)] mod tests { fn f() { g(); } }
            fn f() { assert!(1 < 2); let x = [0; 1 + 1]; let y = const { 1 < 2 }; }";
        assert!(changes(text).is_empty());
    }

    #[test]
    fn a_guard_that_is_new_is_a_mutant_that_nobody_argues_for() {
        let text =
            std::fs::read_to_string(crate::source().join("core/src/pool/run.rs")).expect("a file");
        let place = "let run = &range.slab(index).run;";
        assert_eq!(text.matches(place).count(), 1);
        let grown =
            text.replace(place, &format!("if count == 77 {{ return false; }}\n    {place}"));
        let (mut before, mut after) = (Vec::new(), Vec::new());
        edits("run.rs", &text, &mut before).expect("Rust");
        edits("run.rs", &grown, &mut after).expect("Rust");
        let arguments = crate::arguments::ours().expect("good entries");
        let before: Vec<String> = before.iter().map(Mutant::key).collect();
        let new: Vec<&Mutant> = after.iter().filter(|one| !before.contains(&one.key())).collect();
        assert_eq!(new.len(), 3, "{new:?}");
        assert!(new.iter().all(|one| crate::arguments::find(&arguments, one).is_none()));
    }
}
