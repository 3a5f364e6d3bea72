//! Physical plans that are kept for queries that come again.
//!
//! A plan is kept if nothing but rows of cached tables can make its result another one: it names no function that depends
//! on statement or session, no system table, and it reads everything through [`CachedScan`].

use std::collections::VecDeque;
use std::sync::{Arc, Weak};

use datafusion::common::Result as DfResult;
use datafusion::common::tree_node::{TreeNode, TreeNodeRecursion};
use datafusion::logical_expr::{Expr, LogicalPlan, Volatility};
use datafusion::physical_plan::ExecutionPlan;
use datafusion::physical_plan::empty::EmptyExec;
use datafusion::physical_plan::execution_plan::reset_plan_states;
use datafusion::physical_plan::placeholder_row::PlaceholderRowExec;
use kalamdb_core::catalog::Catalog;
use kalamdb_core::{Result, View};

use super::cached_scan::CachedScan;
use super::codes::CodedGroups;
use super::errors::from_datafusion;
use crate::result::ResultColumn;

/// Plans that are kept.
const PLANS_MAX: usize = 64;
/// Longest text with parameters whose plan is kept.
const KEY_BYTES_MAX: usize = 16 << 10;

/// The plans that were used last.
#[derive(Default)]
pub struct Plans(VecDeque<Kept>);

/// The columns of a result, and the plan that gives it.
type Found = (Vec<ResultColumn>, Arc<dyn ExecutionPlan>);

struct Kept {
    key: Vec<u8>,
    catalog: Weak<Catalog>,
    columns: Vec<ResultColumn>,
    plan: Arc<dyn ExecutionPlan>,
}

impl Plans {
    /// Keeps a plan, if it can serve again.
    ///
    /// # Errors
    /// What walking the plans gives, which is nothing.
    pub fn keep(
        &mut self,
        key: &[u8],
        view: &View,
        logical: &LogicalPlan,
        plan: &Arc<dyn ExecutionPlan>,
        columns: &[ResultColumn],
    ) -> Result<()> {
        if key.len() > KEY_BYTES_MAX || !(is_lasting(logical).map_err(from_datafusion)? && scans(plan).is_some()) {
            return Ok(());
        }
        self.0.retain(|kept| kept.key != key);
        self.0.truncate(PLANS_MAX - 1);
        let (key, columns) = (key.to_vec(), columns.to_vec());
        self.0.push_front(Kept { key, catalog: Arc::downgrade(view.catalog()), columns, plan: plan.clone() });
        Ok(())
    }

    /// A plan for the view, which the statement in work reads, ready to be executed.
    ///
    /// # Errors
    /// What reading the tables gives.
    pub fn find(&mut self, key: &[u8], view: &View) -> Result<Option<Found>> {
        let Some(at) = self.0.iter().position(|kept| kept.key == key) else { return Ok(None) };
        let Some(kept) = self.0.remove(at) else { return Ok(None) };
        // A catalog that is gone is no other one's address.
        if kept.catalog.upgrade().is_none_or(|catalog| !Arc::ptr_eq(&catalog, view.catalog())) {
            return Ok(None);
        }
        for scan in scans(&kept.plan).unwrap_or_default() {
            if view.has_writes(scan.table()) || !scan.is_fresh()? {
                return Ok(None);
            }
        }
        let plan = reset_plan_states(kept.plan.clone()).map_err(from_datafusion)?;
        let found = (kept.columns.clone(), plan);
        self.0.push_front(kept);
        Ok(Some(found))
    }
}

/// The scans of a plan; `None` if it reads something else, too.
fn scans(plan: &Arc<dyn ExecutionPlan>) -> Option<Vec<CachedScan>> {
    let mut scans = Vec::new();
    let mut waiting = vec![plan];
    while let Some(plan) = waiting.pop() {
        let children = plan.children();
        if !children.is_empty() {
            waiting.extend(children);
        } else if let Some(scan) = plan.downcast_ref::<CachedScan>() {
            scans.push(scan.clone());
        } else if let Some(groups) = plan.downcast_ref::<CodedGroups>() {
            scans.push(groups.scan().clone());
        } else if !(plan.is::<EmptyExec>() || plan.is::<PlaceholderRowExec>()) {
            return None;
        }
    }
    Some(scans)
}

/// Whether all functions of a plan give the same for the same arguments, whoever asks and whenever.
fn is_lasting(plan: &LogicalPlan) -> DfResult<bool> {
    let mut is_lasting = true;
    plan.apply_with_subqueries(|node| {
        node.apply_expressions(|expr| {
            expr.apply(|expr| {
                if let Expr::ScalarFunction(function) = expr {
                    is_lasting &= function.func.signature().volatility == Volatility::Immutable;
                }
                Ok(if is_lasting { TreeNodeRecursion::Continue } else { TreeNodeRecursion::Stop })
            })
        })
    })?;
    Ok(is_lasting)
}
